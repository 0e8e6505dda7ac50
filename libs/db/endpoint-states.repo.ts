import { sql } from 'drizzle-orm';
import type { Executor } from './database';
import { drainRetries } from './retry-slots.repo';
import type { DeliveryStatus, EndpointStatus } from './schema/webhooks';

/** A delivery that is given up was made at most so long before: the retry schedule, with room. */
const LONGEST_SCHEDULE_DAYS = 7;

/**
 * Pauses an enabled endpoint: its deliveries are held until it is enabled. A degraded endpoint is held already, so its
 * hold goes on. False: it was not enabled.
 */
export async function pauseEndpoint(tx: Executor, endpointId: string): Promise<boolean> {
  const rows = await tx.execute(sql`
    update endpoints set status = 'paused', updated_at = clock_timestamp(),
      held_from = case when health = 'healthy' then clock_timestamp() else held_from end,
      held_until = case when health = 'healthy' then null else held_until end
    where id = ${endpointId} and status = 'enabled' and deleted_at is null
    returning 1`);
  return rows.length > 0;
}

/** How an endpoint stood before it was enabled. */
export interface EnabledEndpoint {
  was: EndpointStatus;
  /** From here on there may be events that it never got: the oldest one given up while it failed, or when that began. */
  missedFrom: Date;
}

interface BeforeRow extends Record<string, unknown> {
  status: EndpointStatus;
  missed_from: string;
}

/**
 * Enables an endpoint that is paused, disabled or degraded, and forgets its failures. What waited, retries too, goes out in
 * order at the drain's rate. Null: there was nothing to do. After COMMIT call `wakeDispatchers`.
 */
export async function enableEndpoint(tx: Executor, endpointId: string): Promise<EnabledEndpoint | null> {
  const [before] = await tx.execute<BeforeRow>(sql`
    select e.status, coalesce(
      (select min(d.created_at) from deliveries d where d.endpoint_id = e.id and d.status = 'failed'
        and d.day >= e.failing_since::date - ${LONGEST_SCHEDULE_DAYS}::int and d.completed_at >= e.failing_since),
      e.failing_since, e.disabled_at, clock_timestamp()) as missed_from
    from endpoints e
    where e.id = ${endpointId} and e.deleted_at is null and (e.status <> 'enabled' or e.health = 'degraded')`);
  if (!before) return null;
  // Deliveries before the endpoint, as results are written: the other order would deadlock with them.
  await drainRetries(tx, endpointId);
  await tx.execute(sql`
    update endpoints set status = 'enabled', status_reason = null, disabled_at = null, health = 'healthy',
      consecutive_failures = 0, failing_since = null, probes = 0, next_probe_at = null,
      held_until = clock_timestamp(), draining = true, updated_at = clock_timestamp()
    where id = ${endpointId}`);
  return { was: before.status, missedFrom: new Date(before.missed_from) };
}

/**
 * Deletes an endpoint: its open deliveries are cancelled and, like the others, stay in the ledger until retention. Answers
 * how many were cancelled; null: it was deleted before.
 */
export async function deleteEndpoint(tx: Executor, endpointId: string): Promise<number | null> {
  // Before the endpoint, as results are written: the other order would deadlock with them.
  const cancelled = await cancelOpenDeliveries(tx, endpointId);
  const rows = await tx.execute(sql`
    update endpoints set deleted_at = clock_timestamp(), status = 'disabled', updated_at = clock_timestamp(),
      disabled_at = coalesce(disabled_at, clock_timestamp()),
      held_from = case when status = 'enabled' and health = 'healthy' then clock_timestamp() else held_from end,
      held_until = case when status = 'enabled' and health = 'healthy' then null else held_until end
    where id = ${endpointId} and deleted_at is null
    returning 1`);
  return rows.length === 0 ? null : cancelled;
}

/** Answers how many there were. One branch per state, because each has a partial index. */
async function cancelOpenDeliveries(tx: Executor, endpointId: string): Promise<number> {
  const of = (status: DeliveryStatus) =>
    sql`select day, id from deliveries where endpoint_id = ${endpointId} and status = ${sql.raw(`'${status}'`)}`;
  const rows = await tx.execute(sql`
    with open as (${of('pending')} union all ${of('retrying')} union all ${of('paused')})
    update deliveries d set status = 'cancelled', completed_at = clock_timestamp(), next_at = null
    from open o where d.day = o.day and d.id = o.id and d.status in ('pending', 'retrying', 'paused')
    returning 1`);
  return rows.length;
}

export interface SecretRotation {
  secretSealed: string;
  /** How long the secret before signs too; 0: no longer. */
  overlapS: number;
}

/** Puts a new secret in place. Answers until when the one before signs too; null: it does not. */
export async function rotateSecret(
  tx: Executor,
  endpointId: string,
  { secretSealed, overlapS }: SecretRotation,
): Promise<Date | null> {
  const [row] = await tx.execute<{ until: string | null }>(sql`
    update endpoints set updated_at = clock_timestamp(), secret_sealed = ${secretSealed},
      previous_secret_sealed = case when ${overlapS}::int > 0 then secret_sealed end,
      previous_secret_until = case when ${overlapS}::int > 0 then clock_timestamp() + make_interval(secs => ${overlapS}::int) end
    where id = ${endpointId}
    returning previous_secret_until as until`);
  return row?.until ? new Date(row.until) : null;
}

/** Notes that the endpoint agreed to our webhooks, and the rate it allows when that is less than the present one. */
export async function noteHandshake(
  tx: Executor,
  endpointId: string,
  ratePerS: number | null,
): Promise<void> {
  await tx.execute(sql`
    update endpoints set handshake_at = clock_timestamp(), updated_at = clock_timestamp(),
      rate_per_s = least(rate_per_s, ${ratePerS}::int)
    where id = ${endpointId}`);
}
