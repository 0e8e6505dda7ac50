import type { Dispatcher as HttpPool } from 'undici';
import type { ProviderId } from '../core/providers';
import { STREAM_SCOPE } from '../core/scopes';
import type { Sealer } from '../crypto/sealer';
import type { Database } from '../db/database';
import type { DeliveryResult, DeliveryToSend } from '../db/deliveries.repo';
import { readRecordsNow } from '../db/deliveries-records';
import { openEndpointSecret } from './endpoint-secret';
import { eventBody } from './event-body';
import type { EventData } from './outgoing-event';
import { postWebhook, type WebhookResponse } from './post-webhook';
import { nextRetryMs } from './retry-schedule';
import { signWebhook } from './signing';

export interface AttemptDeps {
  db: Database;
  sealer: Sealer;
  egress: HttpPool;
  /** Does the provider's policy let partners receive its records? */
  reExport: (provider: ProviderId) => boolean;
  /** Delays before retries 1, 2, … in seconds. */
  scheduleS: readonly number[];
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
  if (!isCovered(delivery) || !deps.reExport(delivery.provider)) return resultOf(delivery.id, 'cancelled');
  const number = delivery.attempts + 1;
  const body = await bodyOf(deps.db, delivery);
  const secret = openEndpointSecret(deps.sealer, delivery.endpointId, delivery.secretSealed);
  const startedAt = new Date();
  const response = await postWebhook(deps.egress, {
    url: delivery.url,
    headers: headersOf(delivery, number, body, secret, startedAt),
    body,
    ...(signal ? { signal } : {}),
  });
  if (response.error === 'aborted') return null;
  const { statusCode, durationMs, error, responseExcerpt } = response;
  return {
    ...verdictOf(delivery.id, number, response, deps.scheduleS),
    attempt: { number, startedAt, durationMs, statusCode, error, responseExcerpt },
  };
}

/** A live grant that covers the event's stream, or `integrations.read` for events about the integration. */
function isCovered({ grantScopes, stream }: DeliveryToSend): boolean {
  return grantScopes?.includes(stream === null ? 'integrations.read' : STREAM_SCOPE[stream]) ?? false;
}

const resultOf = (deliveryId: string, status: DeliveryResult['status']): DeliveryResult => ({
  deliveryId,
  status,
  retryInMs: null,
  endpointGone: false,
  attempt: null,
});

function verdictOf(
  deliveryId: string,
  number: number,
  response: WebhookResponse,
  scheduleS: readonly number[],
): DeliveryResult {
  if (response.error === null) return resultOf(deliveryId, 'delivered');
  if (response.statusCode === 410) return { ...resultOf(deliveryId, 'failed'), endpointGone: true };
  const retryInMs = nextRetryMs(scheduleS, { number, retryAfterMs: response.retryAfterMs });
  return retryInMs === null
    ? resultOf(deliveryId, 'failed')
    : { ...resultOf(deliveryId, 'retrying'), retryInMs };
}

async function bodyOf(db: Database, delivery: DeliveryToSend): Promise<string> {
  const data = delivery.data as EventData;
  const recordsNow =
    delivery.payload === 'full' && data.records !== undefined
      ? await readRecordsNow(
          db,
          data.records.map((r) => r.id),
        )
      : null;
  const { eventId: id, type, occurredAt, userId, integrationId, seq } = delivery;
  return eventBody({ id, type, occurredAt, userId, integrationId, seq, data }, recordsNow);
}

const headersOf = (
  delivery: DeliveryToSend,
  number: number,
  body: string,
  secret: string,
  at: Date,
): Record<string, string> => ({
  'Content-Type': 'application/json',
  'User-Agent': 'DietTracker-Webhooks/1',
  'X-DietTracker-Event': delivery.type,
  'X-DietTracker-Delivery': delivery.id,
  'X-DietTracker-Attempt': String(number),
  'X-DietTracker-Sequence': String(delivery.seq),
  ...signWebhook({
    eventId: delivery.eventId,
    timestampS: Math.floor(at.getTime() / 1000),
    body,
    secrets: [secret],
  }),
});
