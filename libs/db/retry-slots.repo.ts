import { sql } from 'drizzle-orm';
import type { Executor } from './database';

/** Requests of retries under way per endpoint. */
const SLOTS = 2;

/**
 * Takes one of the endpoint's retry slots for `forMs`, after which it is free again whatever became of the taker.
 * Null: all are taken.
 */
export async function takeRetrySlot(
  db: Executor,
  endpointId: string,
  deliveryId: string,
  forMs: number,
): Promise<number | null> {
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const [taken] = await db.execute(sql`
      insert into endpoint_retry_slots as s (endpoint_id, slot, delivery_id, taken_until)
      values (${endpointId}, ${slot}, ${deliveryId}, clock_timestamp() + ${forMs}::float8 * interval '1 millisecond')
      on conflict (endpoint_id, slot) do update set delivery_id = excluded.delivery_id, taken_until = excluded.taken_until
      where s.taken_until is null or s.taken_until < clock_timestamp() or s.delivery_id = excluded.delivery_id
      returning 1`);
    if (taken) return slot;
  }
  return null;
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
