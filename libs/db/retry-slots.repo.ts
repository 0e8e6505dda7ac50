import { sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import type { Database, Executor } from './database';

/** Requests of retries under way per endpoint. */
const SLOTS = 2;

/**
 * One at a time per endpoint, until the end of the transaction: a retry that begins, or a recovery that gives the waiting
 * retries to the dispatcher. Otherwise both would send the same attempt.
 */
const lockRetries = (tx: Executor, endpointId: string) =>
  tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`retries:${endpointId}`}, 0))`);

/**
 * `moved`: the delivery does not wait for this attempt any more. `full`: the endpoint's slots are taken. Else the number of the
 * slot, which is free again after `forMs` whatever became of its taker.
 */
export type RetryStart = number | 'moved' | 'full';

/** Takes one of the endpoint's retry slots for the next attempt of a delivery. */
export async function beginRetry(
  db: Database,
  delivery: { id: string; endpointId: string; attempts: number },
  forMs: number,
): Promise<RetryStart> {
  const { id, endpointId, attempts } = delivery;
  return db.transaction(async (tx) => {
    await lockRetries(tx, endpointId);
    const waiting = await tx.execute(sql`
      select 1 from deliveries
      where day = ${idDay(id)} and id = ${id} and status = 'retrying' and attempts = ${attempts}`);
    if (waiting.length === 0) return 'moved';
    for (let slot = 0; slot < SLOTS; slot += 1) {
      const [taken] = await tx.execute(sql`
        insert into endpoint_retry_slots as s (endpoint_id, slot, delivery_id, taken_until)
        values (${endpointId}, ${slot}, ${id}, clock_timestamp() + ${forMs}::float8 * interval '1 millisecond')
        on conflict (endpoint_id, slot) do update set delivery_id = excluded.delivery_id, taken_until = excluded.taken_until
        where s.taken_until is null or s.taken_until < clock_timestamp() or s.delivery_id = excluded.delivery_id
        returning 1`);
      if (taken) return slot;
    }
    return 'full';
  });
}

export async function releaseRetrySlot(
  db: Executor,
  endpointId: string,
  slot: number,
  deliveryId: string,
): Promise<void> {
  await db.execute(sql`
    update endpoint_retry_slots set taken_until = null, delivery_id = null
    where endpoint_id = ${endpointId} and slot = ${slot} and delivery_id = ${deliveryId}`);
}

/**
 * The endpoint answers again: what waits for a retry goes out now, in order, at the drain's rate. A retry whose request is
 * under way is left to its execution. In a transaction; answers how many there were.
 */
export async function drainRetries(tx: Executor, endpointId: string): Promise<number> {
  await lockRetries(tx, endpointId);
  const rows = await tx.execute(sql`
    update deliveries set status = 'pending'
    where endpoint_id = ${endpointId} and status = 'retrying' and id not in (
      select delivery_id from endpoint_retry_slots
      where endpoint_id = ${endpointId} and delivery_id is not null and taken_until > clock_timestamp())
    returning 1`);
  return rows.length;
}
