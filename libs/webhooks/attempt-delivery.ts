import type { Dispatcher as HttpPool } from 'undici';
import type { ProviderId } from '../core/providers';
import { STREAM_SCOPE } from '../core/scopes';
import type { Database } from '../db/database';
import type { DeliveryToSend } from '../db/deliveries.repo';
import type { DeliveryResult } from '../db/delivery-results.repo';
import { readRecordsNow } from '../db/deliveries-records';
import type { EndpointSecrets } from './endpoint-secret';
import { boundedEventBody } from './event-body';
import type { EventData } from './outgoing-event';
import { postWebhook, type WebhookResponse } from './post-webhook';
import { nextRetryMs } from './retry-schedule';
import { signWebhook } from './signing';

export interface AttemptDeps {
  db: Database;
  secrets: EndpointSecrets;
  egress: HttpPool;
  /** Does the provider's policy let partners receive its records? */
  reExport: (provider: ProviderId) => boolean;
  /** Delays before retries 1, 2, … in seconds. */
  scheduleS: readonly number[];
  /** Base URL of the API, for links in bodies. */
  publicUrl: string;
}

/**
 * Makes one attempt of a delivery that was just read, or cancels it when the grant or the provider's policy does not cover
 * it any more. Writes nothing: the caller commits the result. Null when `signal` ended it, then it does not count.
 *
 * @throws Error for faults of ours (database, secret that does not open); nothing was sent then
 */
export async function attemptDelivery(
  deps: AttemptDeps,
  delivery: DeliveryToSend,
  signal?: AbortSignal,
): Promise<DeliveryResult | null> {
  if (!isCovered(delivery, deps.reExport)) return resultOf(delivery, 'cancelled');
  const number = delivery.attempts + 1;
  const body = await bodyOf(deps, delivery);
  const startedAt = new Date();
  const response = await postWebhook(deps.egress, {
    url: delivery.endpoint.url,
    headers: headersOf(deps, delivery, number, body, startedAt),
    body,
    ...(signal ? { signal } : {}),
  });
  if (response.error === 'aborted') return null;
  const { statusCode, durationMs, error, responseExcerpt } = response;
  return {
    ...verdictOf(delivery, response, deps.scheduleS),
    attempt: { number, startedAt, durationMs, statusCode, error, responseExcerpt },
  };
}

/** A live grant that covers the event's stream, or `integrations.read` for others; an app's own events need none. */
function isCovered(delivery: DeliveryToSend, reExport: (provider: ProviderId) => boolean): boolean {
  const { grantScopes, provider, stream, userId } = delivery;
  if (userId === null) return true;
  const scope = stream === null ? 'integrations.read' : STREAM_SCOPE[stream];
  return (grantScopes?.includes(scope) ?? false) && (provider === null || reExport(provider));
}

const resultOf = (
  { id, endpointId, endpoint }: DeliveryToSend,
  status: DeliveryResult['status'],
): DeliveryResult => ({
  deliveryId: id,
  endpointId,
  status,
  retryInMs: null,
  endpointGone: false,
  endpointTroubled: endpoint.consecutiveFailures > 0 || endpoint.health !== 'healthy',
  attempt: null,
});

function verdictOf(
  delivery: DeliveryToSend,
  response: WebhookResponse,
  scheduleS: readonly number[],
): DeliveryResult {
  if (response.error === null) return resultOf(delivery, 'delivered');
  if (response.statusCode === 410) return { ...resultOf(delivery, 'failed'), endpointGone: true };
  const number = delivery.attempts + 1 - delivery.scheduleFrom;
  const retryInMs = nextRetryMs(scheduleS, { number, retryAfterMs: response.retryAfterMs });
  return retryInMs === null ? resultOf(delivery, 'failed') : { ...resultOf(delivery, 'retrying'), retryInMs };
}

async function bodyOf({ db, publicUrl }: AttemptDeps, delivery: DeliveryToSend): Promise<string> {
  const data = delivery.data as EventData;
  const recordsNow =
    delivery.endpoint.payload === 'full' && data.records !== undefined
      ? await readRecordsNow(
          db,
          data.records.map((r) => r.id),
        )
      : null;
  const { eventId: id, type, occurredAt, userId, integrationId, seq } = delivery;
  return boundedEventBody({ id, type, occurredAt, userId, integrationId, seq, data }, recordsNow, publicUrl);
}

const headersOf = (
  { secrets, publicUrl }: AttemptDeps,
  delivery: DeliveryToSend,
  number: number,
  body: string,
  at: Date,
): Record<string, string> => ({
  ...secrets.headersOf(delivery.endpointId, delivery.endpoint),
  'Content-Type': 'application/json',
  'User-Agent': 'DietTracker-Webhooks/1',
  'X-DietTracker-Event': delivery.type,
  'X-DietTracker-Delivery': delivery.id,
  'X-DietTracker-Attempt': String(number),
  // CloudEvents HTTP webhooks §4.1.2: every delivery names the origin that the handshake asked for.
  'WebHook-Request-Origin': new URL(publicUrl).hostname,
  ...(delivery.seq === null ? {} : { 'X-DietTracker-Sequence': String(delivery.seq) }),
  ...signWebhook({
    eventId: delivery.eventId,
    timestampS: Math.floor(at.getTime() / 1000),
    body,
    secrets: secrets.keysOf(delivery.endpointId, delivery.endpoint),
  }),
});
