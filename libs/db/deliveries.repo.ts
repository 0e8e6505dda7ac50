import { sql, type SQL } from 'drizzle-orm';
import type { ProviderId, StreamName } from '../core/providers';
import type { Executor } from './database';
import type { DeliveryStatus, EndpointStatus } from './schema/webhooks';

/** All that one attempt needs, read at send time in one statement. */
export interface DeliveryToSend {
  id: string;
  eventId: string;
  endpointId: string;
  userId: string;
  seq: number;
  status: DeliveryStatus;
  /** Attempts made so far. */
  attempts: number;
  /** Time until `next_at` by the database's clock, 0 when due. */
  waitMs: number;
  /** Age of the delivery by the database's clock. */
  ageMs: number;
  type: string;
  integrationId: string;
  provider: ProviderId;
  stream: StreamName | null;
  data: Record<string, unknown>;
  /** ISO 8601, UTC. */
  occurredAt: string;
  url: string;
  secretSealed: string;
  payload: 'thin' | 'full';
  endpointStatus: EndpointStatus;
  /** Scopes of the live grant; null when there is none. */
  grantScopes: string[] | null;
}

export interface DeliveryRow extends Record<string, unknown> {
  id: string;
  event_id: string;
  endpoint_id: string;
  user_id: string;
  seq: string;
  status: DeliveryStatus;
  attempts: number;
  wait_ms: number;
  age_ms: number;
  type: string;
  integration_id: string;
  provider: ProviderId;
  stream: StreamName | null;
  data: Record<string, unknown>;
  occurred_at: string;
  url: string;
  secret_sealed: string;
  payload: 'thin' | 'full';
  endpoint_status: EndpointStatus;
  grant_scopes: string[] | null;
}

/** The columns of `DeliveryRow` from a relation of deliveries named `d`. */
export const deliveryToSendFrom = (deliveries: SQL): SQL => sql`
  select d.id, d.event_id, d.endpoint_id, d.user_id, d.seq, d.status, d.attempts,
    greatest(0, coalesce(extract(epoch from d.next_at - clock_timestamp()) * 1000, 0))::float8 as wait_ms,
    (extract(epoch from clock_timestamp() - d.created_at) * 1000)::float8 as age_ms,
    ev.type, ev.integration_id, ev.provider, ev.stream, ev.data, ev.occurred_at,
    e.url, e.secret_sealed, e.payload, e.status as endpoint_status, g.scopes as grant_scopes
  from ${deliveries} d
  join events ev on ev.id = d.event_id
  join endpoints e on e.id = d.endpoint_id
  left join grants g on g.app_id = e.app_id and g.user_id = d.user_id and g.revoked_at is null`;

export const deliveryOf = (row: DeliveryRow): DeliveryToSend => ({
  id: row.id,
  eventId: row.event_id,
  endpointId: row.endpoint_id,
  userId: row.user_id,
  seq: Number(row.seq),
  status: row.status,
  attempts: row.attempts,
  waitMs: Math.ceil(row.wait_ms),
  ageMs: Math.round(row.age_ms),
  type: row.type,
  integrationId: row.integration_id,
  provider: row.provider,
  stream: row.stream,
  data: row.data,
  occurredAt: new Date(row.occurred_at).toISOString(),
  url: row.url,
  secretSealed: row.secret_sealed,
  payload: row.payload,
  endpointStatus: row.endpoint_status,
  grantScopes: row.grant_scopes,
});

/** One delivery as it stands now; null when it is gone. */
export async function readDelivery(db: Executor, deliveryId: string): Promise<DeliveryToSend | null> {
  const [row] = await db.execute<DeliveryRow>(
    sql`${deliveryToSendFrom(sql`deliveries`)} where d.id = ${deliveryId}`,
  );
  return row ? deliveryOf(row) : null;
}

/** How the row stands after an attempt, or without one when it was cancelled. */
export interface DeliveryResult {
  deliveryId: string;
  status: 'delivered' | 'retrying' | 'failed' | 'cancelled';
  /** Time until the next attempt; null unless `retrying`. */
  retryInMs: number | null;
  /** The endpoint answered 410 Gone: it is disabled. */
  endpointGone: boolean;
  /** The attempt that was made; null when nothing was sent. */
  attempt: AttemptRecord | null;
}

interface AttemptRecord {
  number: number;
  startedAt: Date;
  durationMs: number;
  statusCode: number | null;
  error: string | null;
  responseExcerpt: string | null;
}

/**
 * Writes results, their attempts and the disabling of gone endpoints in one statement and answers the ids of the
 * deliveries that took theirs. `guard` (over `d`, the row, and `r`, the result) refuses the others.
 */
export async function writeResults(
  db: Executor,
  results: readonly DeliveryResult[],
  guard: SQL,
): Promise<string[]> {
  const rows = results.map((r) => ({
    id: r.deliveryId,
    status: r.status,
    retry_in_ms: r.retryInMs,
    gone: r.endpointGone,
    number: r.attempt?.number ?? null,
    started_at: r.attempt?.startedAt.toISOString() ?? null,
    duration_ms: r.attempt?.durationMs ?? null,
    status_code: r.attempt?.statusCode ?? null,
    error: r.attempt?.error ?? null,
    response_excerpt: r.attempt?.responseExcerpt ?? null,
  }));
  const taken = await db.execute<{ id: string }>(sql`
    with results as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(id text, status text, retry_in_ms float8,
        gone boolean, number int, started_at timestamptz, duration_ms int, status_code int, error text,
        response_excerpt text)
    ), taken as (
      update deliveries d set
        status = r.status,
        attempts = coalesce(r.number, d.attempts),
        claim_epoch = null,
        next_at = clock_timestamp() + r.retry_in_ms * interval '1 millisecond',
        completed_at = case when r.status = 'retrying' then null else clock_timestamp() end
      from results r where r.id = d.id and ${guard}
      returning d.id, d.endpoint_id
    ), tried as (
      insert into attempts (delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
      select r.id, r.number, r.started_at, r.duration_ms, r.status_code, r.error, r.response_excerpt
      from results r join taken using (id) where r.number is not null
      on conflict (delivery_id, number) do nothing
    ), disabled as (
      update endpoints e set status = 'disabled', status_reason = 'endpoint_gone'
      where e.status <> 'disabled'
        and e.id in (select t.endpoint_id from taken t join results r using (id) where r.gone)
    )
    select id from taken`);
  return taken.map((row) => row.id);
}

/** Writes the result of a retry, unless another attempt of the same number was written first. */
export async function writeRetryResult(db: Executor, result: DeliveryResult): Promise<boolean> {
  const guard = sql`d.status = 'retrying' and (r.number is null or d.attempts = r.number - 1)`;
  return (await writeResults(db, [result], guard)).length > 0;
}
