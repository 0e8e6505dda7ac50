import { z } from 'zod';
import type { DeliveryWithAttempts, Endpoint } from '../../../libs/db/endpoints.repo';
import { isEventTypePattern } from '../../../libs/webhooks/event-types';
import { instant, iso, isoOrNull, pageOf, pageQuery, text } from '../http/wire';
import { failureCode } from '../integrations/integrations.schema';

const payload = z.enum(['thin', 'full']);

export const createEndpointBody = z
  .strictObject({
    url: z.string().max(2048).describe('https; plain http only for loopback in development'),
    eventTypes: z
      .array(
        z.string().max(100).refine(isEventTypePattern, {
          message: 'must be an event type, `<stream>.*`, `integration.*` or `*`',
        }),
      )
      .min(1)
      .max(100)
      .default(['*']),
    payload: payload.default('thin').describe('thin: ids and versions; full: the records as well'),
    description: text(500).optional(),
  })
  .meta({ id: 'CreateEndpoint' });

export const listQuery = z.strictObject(pageQuery);

const fields = {
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  eventTypes: z.array(z.string()),
  payload,
  status: z.enum(['enabled', 'paused', 'disabled']),
  reason: failureCode.nullable(),
  createdAt: instant,
};

export const endpoint = z.strictObject(fields).meta({ id: 'Endpoint' });
export const endpointPage = pageOf(endpoint, 'EndpointPage');
export const createdEndpoint = z
  .strictObject({
    ...fields,
    secret: z.string().describe('`whsec_…`, shown this once: verify our signatures with it'),
  })
  .meta({ id: 'CreatedEndpoint' });

export const delivery = z
  .strictObject({
    id: z.string(),
    eventId: z.string().describe('the `webhook-id` header'),
    eventType: z.string(),
    userId: z.string().nullable().describe('null for events about an app'),
    seq: z.int().nullable(),
    status: z.enum(['pending', 'retrying', 'paused', 'delivered', 'failed', 'cancelled']),
    nextAttemptAt: instant.nullable(),
    createdAt: instant,
    completedAt: instant.nullable(),
    attempts: z.array(
      z.strictObject({
        number: z.int(),
        startedAt: instant,
        durationMs: z.int(),
        statusCode: z.int().nullable().describe('null when no HTTP answer came'),
        error: z.string().nullable(),
        responseExcerpt: z.string().nullable(),
      }),
    ),
  })
  .meta({ id: 'Delivery' });

export const deliveryPage = pageOf(delivery, 'DeliveryPage');

export const endpointToWire = (row: Endpoint): z.infer<typeof endpoint> => ({
  id: row.id,
  url: row.url,
  description: row.description,
  eventTypes: row.eventTypes,
  payload: row.payload,
  status: row.status,
  reason: row.statusReason,
  createdAt: iso(row.createdAt),
});

export const deliveryToWire = (row: DeliveryWithAttempts): z.infer<typeof delivery> => ({
  id: row.id,
  eventId: row.eventId,
  eventType: row.eventType,
  userId: row.userId,
  seq: row.seq,
  status: row.status,
  nextAttemptAt: isoOrNull(row.nextAt),
  createdAt: iso(row.createdAt),
  completedAt: isoOrNull(row.completedAt),
  attempts: row.attempts.map(({ day: _day, deliveryId: _deliveryId, startedAt, ...attempt }) => ({
    ...attempt,
    startedAt: iso(startedAt),
  })),
});
