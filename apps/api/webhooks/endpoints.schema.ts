import { z } from 'zod';
import { MAX_OPEN_COUNT } from '../../../libs/db/endpoints.repo';
import { endpointHeadersSchema } from '../../../libs/webhooks/endpoint-headers';
import { isEventTypePattern } from '../../../libs/webhooks/event-types';
import { webhookKey } from '../../../libs/webhooks/signing';
import { idOf, instant, pageOf, pageQuery, text } from '../http/wire';
import { failureCode } from '../integrations/integrations.schema';

const MAX_USERS = 1_000;
/** First attempts per second an endpoint may ask for. */
export const MAX_RATE_PER_S = 1_000;
const MAX_OVERLAP_S = 7 * 24 * 60 * 60;

const payload = z.enum(['thin', 'full']).describe('thin: ids and versions; full: the records as well');

function isWebhookSecret(text: string): boolean {
  try {
    webhookKey(text);
    return true;
  } catch {
    return false;
  }
}

const secret = z
  .string()
  .refine(isWebhookSecret, { message: 'must be `whsec_` followed by 24–64 bytes in base64' })
  .describe('`whsec_` and 24–64 bytes in base64; made by us when left out');

const settings = {
  url: z.string().max(2048).describe('https; plain http only for loopback in development'),
  description: text(500).describe('for people'),
  eventTypes: z
    .array(
      z.string().max(100).refine(isEventTypePattern, {
        message:
          'must be an event type, `<stream>.*`, `integration.*` or `*`; GET /v1/webhooks/event-types lists them',
      }),
    )
    .min(1)
    .max(100),
  userIds: z
    .array(idOf('user'))
    .min(1, 'must name a user; for all users that granted leave it out or null')
    .max(MAX_USERS)
    .describe('only events of these users, who must have granted your app access'),
  payload,
  fifo: z
    .boolean()
    .describe("one delivery at a time, in the order of the users' events; a failed one holds up the rest"),
  ratePerS: z.int().min(1).max(MAX_RATE_PER_S).describe('first attempts per second'),
  headers: endpointHeadersSchema.describe('sent with every webhook, e.g. `Authorization`; never shown again'),
};

export const createEndpointBody = z
  .strictObject({
    url: settings.url,
    description: settings.description.optional(),
    eventTypes: settings.eventTypes.default(['*']),
    userIds: settings.userIds.optional(),
    payload: payload.default('thin'),
    fifo: settings.fifo.default(false),
    ratePerS: settings.ratePerS.optional(),
    headers: settings.headers.optional(),
    secret: secret.optional(),
    handshake: z
      .boolean()
      .default(false)
      .describe(
        'ask the endpoint first, as CloudEvents web hooks do (OPTIONS with `WebHook-Request-Origin`)',
      ),
  })
  .meta({ id: 'CreateEndpoint' });

export const updateEndpointBody = z
  .strictObject({
    url: settings.url.optional(),
    description: settings.description.nullable().optional(),
    eventTypes: settings.eventTypes.optional(),
    userIds: settings.userIds.nullable().optional(),
    payload: payload.optional(),
    fifo: settings.fifo.optional(),
    ratePerS: settings.ratePerS.nullable().optional(),
    headers: settings.headers.nullable().optional(),
  })
  .refine((body) => Object.keys(body).length > 0, { message: 'give at least one field to change' })
  .meta({ id: 'UpdateEndpoint', description: 'What is left out stays; null clears.' });

export const rotateSecretBody = z
  .strictObject({
    overlapS: z
      .int()
      .min(0)
      .max(MAX_OVERLAP_S)
      .default(86_400)
      .describe('how long the secret before signs too, in seconds'),
    secret: secret.optional(),
  })
  .prefault({})
  .meta({ id: 'RotateSecret' });

export const listQuery = z.strictObject(pageQuery);

const open = z.int().max(MAX_OPEN_COUNT);

const fields = {
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  eventTypes: z.array(z.string()),
  userIds: z.array(z.string()).nullable().describe('null: every user that granted'),
  payload,
  fifo: z.boolean(),
  ratePerS: z.int().nullable().describe('null: no limit of its own'),
  headerNames: z.array(z.string()).describe('headers of your own; their values are not shown'),
  status: z.enum(['enabled', 'paused', 'disabled']),
  reason: failureCode.nullable().describe('why it is disabled; null when your app asked for it'),
  health: z.enum(['healthy', 'degraded']).describe('degraded: only probed until it answers 2xx again'),
  consecutiveFailures: z.int(),
  failingSince: instant.nullable().describe('the first failure since the last success'),
  heldFrom: instant
    .nullable()
    .describe('since when deliveries wait, because it is paused, disabled or degraded'),
  nextProbeAt: instant.nullable(),
  pending: open.describe(`deliveries that wait for their first attempt, counted up to ${MAX_OPEN_COUNT}`),
  retrying: open.describe(`deliveries that wait for a retry, counted up to ${MAX_OPEN_COUNT}`),
  handshakeAt: instant.nullable().describe('when it last agreed to our webhooks'),
  previousSecretUntil: instant.nullable().describe('until then the secret before signs too'),
  createdAt: instant,
  updatedAt: instant,
  disabledAt: instant.nullable(),
};

export const endpoint = z.strictObject(fields).meta({ id: 'Endpoint' });
export const endpointPage = pageOf(endpoint, 'EndpointPage');
export const createdEndpoint = z
  .strictObject({
    ...fields,
    secret: z.string().describe('`whsec_…`, shown this once: verify our signatures with it'),
  })
  .meta({ id: 'CreatedEndpoint' });

export const enabledEndpoint = z
  .strictObject({
    ...fields,
    waiting: open.describe('deliveries that were held; they go out by themselves, in order'),
    replay: z
      .strictObject({ from: instant, to: instant, todo: z.string() })
      .nullable()
      .describe(
        'what to replay when the endpoint was disabled: deliveries that were given up do not go out again',
      ),
  })
  .meta({ id: 'EnabledEndpoint' });

export const rotatedSecret = z
  .strictObject({
    secret: z.string().describe('the new `whsec_…`, shown this once'),
    previousValidUntil: instant
      .nullable()
      .describe('until then the secret before signs too; null: no longer'),
  })
  .meta({ id: 'RotatedSecret' });

export const pingSent = z
  .strictObject({ eventId: z.string(), deliveryId: z.string() })
  .meta({ id: 'PingSent' });
