import { sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import { arrayLiteral } from './array-literal';
import { executePrepared, type Database, type Executor } from './database';
import { FIRST_ATTEMPT_WITHIN, isLate, RETRY_WITHIN } from './delivery-lateness';
import { announceDisabled } from './endpoint-disable.repo';
import { judged, type ProbePolicy } from './endpoint-health';
import { wakeDispatchers } from './wake-dispatchers';

/** How the row stands after an attempt, or without one when it was cancelled. */
export interface DeliveryResult {
  deliveryId: string;
  endpointId: string;
  status: 'delivered' | 'retrying' | 'failed' | 'cancelled';
  /** Time until the next attempt; null unless `retrying`. */
  retryInMs: number | null;
  /** The endpoint answered 410 Gone: it is disabled. */
  endpointGone: boolean;
  /** The endpoint had failures behind it when the delivery was read, so that its health must be judged anew. */
  endpointTroubled: boolean;
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

export interface WrittenResults {
  /** Ids of the deliveries whose row took its result. */
  written: string[];
  /** Endpoints that were degraded and answered 2xx now. */
  recovered: string[];
  /** Endpoints that were disabled because they answered 410; the app's other endpoints were told. */
  gone: string[];
}

/**
 * Writes results in one statement (a transaction when an endpoint is gone): attempts, rows, late marks and the endpoints' health. A row takes its result when it
 * has not ended, or was cancelled, and still expects this attempt number; what was sent is recorded in any case. Writing the same result
 * again changes nothing.
 */
export async function writeResults(
  db: Database,
  results: readonly DeliveryResult[],
  probes: ProbePolicy,
): Promise<WrittenResults> {
  if (!results.some((r) => r.endpointGone)) return write(db, results, probes);
  const written = await db.transaction(async (tx) => {
    const answer = await write(tx, results, probes);
    for (const endpointId of answer.gone) await announceDisabled(tx, endpointId);
    return answer;
  });
  await wakeDispatchers(db);
  return written;
}

async function write(
  db: Executor,
  results: readonly DeliveryResult[],
  probes: ProbePolicy,
): Promise<WrittenResults> {
  const rows = results.map((r) => ({
    day: idDay(r.deliveryId),
    id: r.deliveryId,
    endpoint_id: r.endpointId,
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
  const smooth = results.every((r) => r.status === 'delivered' && !r.endpointTroubled);
  // For the planner, which knows nothing of a new day's partition: without the ids it reads it from end to end, and a plain
  // condition on the status makes it believe in one row and compare every row with every result.
  const ids = arrayLiteral(rows.map((r) => r.id));
  const days = arrayLiteral([...new Set(rows.map((r) => r.day))]);
  const [answer] = await executePrepared<{ written: string[]; recovered: string[]; gone: string[] }>(
    db,
    sql`
    with results as materialized (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(day date, id text, endpoint_id text, status text,
        retry_in_ms float8, gone boolean, number int, started_at timestamptz, duration_ms int, status_code int, error text,
        response_excerpt text)
    ), tried as (
      insert into attempts (day, delivery_id, number, started_at, duration_ms, status_code, error, response_excerpt)
      select day, id, number, started_at, duration_ms, status_code, error, response_excerpt
      from results where number is not null
      on conflict (day, delivery_id, number) do nothing
      returning delivery_id
    ), taken as (
      update deliveries d set
        status = case when d.status = 'cancelled' and r.status <> 'delivered' then 'cancelled'
          when d.status = 'paused' and r.status = 'retrying' then 'paused' else r.status end,
        attempts = coalesce(r.number, d.attempts),
        first_attempt_at = coalesce(d.first_attempt_at, r.started_at),
        delivered_at = coalesce(d.delivered_at, case when r.status = 'delivered' then clock_timestamp() end),
        late = d.late or case
          when r.started_at is null then false
          when d.attempts = 0 then ${isLate(sql`r.started_at`, sql`d.queued_at`, FIRST_ATTEMPT_WITHIN)}
          when d.next_at is not null then ${isLate(sql`r.started_at`, sql`d.next_at`, RETRY_WITHIN)}
          else false end,
        next_at = clock_timestamp() + r.retry_in_ms * interval '1 millisecond',
        completed_at = case when r.status = 'retrying' then d.completed_at else clock_timestamp() end
      from results r, endpoints e
      where d.day = any(${days}::date[]) and d.id = any(${ids}::text[])
        and d.day = r.day and d.id = r.id and e.id = r.endpoint_id
        and coalesce(d.status in ('pending', 'retrying', 'paused', 'cancelled'), false)
        and (r.number is null or d.attempts = r.number - 1)
      returning d.id
    )${smooth ? sql`` : judged(probes)}
    select coalesce((select array_agg(id) from taken), '{}') as written,
      ${smooth ? sql`'{}'::text[]` : sql`coalesce((select array_agg(id) from judged where recovered), '{}')`} as recovered,
      ${smooth ? sql`'{}'::text[]` : sql`coalesce((select array_agg(id) from judged where gone), '{}')`} as gone`,
  );
  return answer!;
}
