import { sql, type SQL } from 'drizzle-orm';
import { idDay } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import type { Executor } from './database';
import type { DeliveryStatus, EndpointHealth, EndpointStatus } from './schema/webhooks';

/** All that one attempt needs, read in one statement. */
export interface DeliveryToSend {
  id: string;
  eventId: string;
  endpointId: string;
  status: DeliveryStatus;
  /** Attempts made so far, and how many of them were made before the present schedule began. */
  attempts: number;
  scheduleFrom: number;
  /** Time until `next_at` by the database's clock, 0 when due. */
  waitMs: number;
  /** Time since it was queued by the database's clock. */
  queuedForMs: number;
  type: string;
  /** User, integration and provider are null for events about an app. */
  userId: string | null;
  integrationId: string | null;
  provider: ProviderId | null;
  stream: StreamName | null;
  seq: number | null;
  data: Record<string, unknown>;
  /** ISO 8601, UTC. */
  occurredAt: string;
  endpoint: EndpointToSend;
  /** Scopes of the live grant; null when there is none. */
  grantScopes: string[] | null;
}

export interface EndpointToSend {
  url: string;
  secretSealed: string;
  /** The secret before the last rotation, while the overlap lasts. */
  previousSecretSealed: string | null;
  headersSealed: string | null;
  payload: 'thin' | 'full';
  status: EndpointStatus;
  health: EndpointHealth;
  consecutiveFailures: number;
  fifo: boolean;
  ratePerS: number | null;
  draining: boolean;
}

export interface DeliveryRow extends Record<string, unknown> {
  id: string;
  event_id: string;
  endpoint_id: string;
  status: DeliveryStatus;
  attempts: number;
  schedule_from: number;
  wait_ms: number;
  queued_for_ms: number;
  type: string;
  user_id: string | null;
  integration_id: string | null;
  provider: ProviderId | null;
  stream: StreamName | null;
  seq: string | null;
  data: Record<string, unknown>;
  occurred_at: string;
  url: string;
  secret_sealed: string;
  previous_secret_sealed: string | null;
  headers_sealed: string | null;
  payload: 'thin' | 'full';
  endpoint_status: EndpointStatus;
  health: EndpointHealth;
  consecutive_failures: number;
  fifo: boolean;
  rate_per_s: number | null;
  draining: boolean;
  grant_scopes: string[] | null;
}

/** The columns of `DeliveryRow`, over `d` (delivery), `ev` (its event), `e` (its endpoint) and `g` (the live grant). */
export const DELIVERY_COLUMNS: SQL = sql`
  d.id, d.event_id, d.endpoint_id, d.status, d.attempts, d.schedule_from,
  greatest(0, coalesce(extract(epoch from d.next_at - clock_timestamp()) * 1000, 0))::float8 as wait_ms,
  (extract(epoch from clock_timestamp() - d.queued_at) * 1000)::float8 as queued_for_ms,
  ev.type, ev.user_id, ev.integration_id, ev.provider, ev.stream, ev.seq, ev.data, ev.occurred_at,
  e.url, e.secret_sealed, e.headers_sealed, e.payload, e.status as endpoint_status, e.health, e.consecutive_failures, e.fifo, e.rate_per_s,
  case when e.previous_secret_until > clock_timestamp() then e.previous_secret_sealed end as previous_secret_sealed,
  e.draining, g.scopes as grant_scopes`;

export const deliveryOf = (row: DeliveryRow): DeliveryToSend => ({
  id: row.id,
  eventId: row.event_id,
  endpointId: row.endpoint_id,
  status: row.status,
  attempts: row.attempts,
  scheduleFrom: row.schedule_from,
  waitMs: Math.ceil(row.wait_ms),
  queuedForMs: Math.round(row.queued_for_ms),
  type: row.type,
  userId: row.user_id,
  integrationId: row.integration_id,
  provider: row.provider,
  stream: row.stream,
  seq: row.seq === null ? null : Number(row.seq),
  data: row.data,
  occurredAt: new Date(row.occurred_at).toISOString(),
  endpoint: {
    url: row.url,
    secretSealed: row.secret_sealed,
    previousSecretSealed: row.previous_secret_sealed,
    headersSealed: row.headers_sealed,
    payload: row.payload,
    status: row.endpoint_status,
    health: row.health,
    consecutiveFailures: row.consecutive_failures,
    fifo: row.fifo,
    ratePerS: row.rate_per_s,
    draining: row.draining,
  },
  grantScopes: row.grant_scopes,
});

/** One delivery as it stands now; null when it is gone. */
export async function readDelivery(db: Executor, deliveryId: string): Promise<DeliveryToSend | null> {
  const day = idDay(deliveryId);
  const [row] = await db.execute<DeliveryRow>(sql`
    select ${DELIVERY_COLUMNS}
    from deliveries d
    join events ev on ev.day = ${day} and ev.id = d.event_id
    join endpoints e on e.id = d.endpoint_id
    left join grants g on g.app_id = e.app_id and g.user_id = d.user_id and g.revoked_at is null
    where d.day = ${day} and d.id = ${deliveryId}`);
  return row ? deliveryOf(row) : null;
}
