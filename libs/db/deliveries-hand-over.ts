import { sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import { arrayLiteral } from './array-literal';
import { executePrepared, type Executor } from './database';
import type { DispatchShard } from './deliveries-claims';
import { waitingEndpoints } from './waiting-endpoints';

/** A failed delivery whose retries still need an execution of their own. */
export interface RetryToStart {
  deliveryId: string;
  endpointId: string;
  userId: string | null;
  type: string;
}

interface RetryRow extends Record<string, unknown> {
  id: string;
  endpoint_id: string;
  user_id: string | null;
  type: string;
}

export interface RetryQuery extends DispatchShard {
  /** The days to look at. */
  days: readonly string[];
  limit: number;
  /** At most so many retries live per endpoint; what is over it waits. */
  livePerEndpoint: number;
}

/** The next retries to hand over, soonest due first, within each endpoint's room. */
export async function readRetriesToStart(db: Executor, query: RetryQuery): Promise<RetryToStart[]> {
  const days = arrayLiteral(query.days);
  const rows = await executePrepared<RetryRow>(
    db,
    sql`
    with recursive ${waitingEndpoints('retrying', query.days)}
    select w.id, w.endpoint_id, w.user_id, ev.type
    from waiting
    join endpoints e on e.id = waiting.endpoint_id and e.shard % ${query.shards}::int = ${query.shard}::int
    cross join lateral (
      select count(*) as live from (select 1 from deliveries l
        where l.day = any(${days}::date[]) and l.endpoint_id = e.id and l.status = 'retrying' and l.handed_over
        limit ${query.livePerEndpoint}::int) l
    ) l
    cross join lateral (
      select d.day, d.id, d.event_id, d.endpoint_id, d.user_id, d.next_at from deliveries d
      where d.day = any(${days}::date[]) and d.endpoint_id = e.id and d.status = 'retrying' and not d.handed_over
      order by d.next_at limit ${query.livePerEndpoint}::int - l.live
    ) w
    join events ev on ev.day = any(${days}::date[]) and ev.day = w.day and ev.id = w.event_id
    order by w.next_at, w.id limit ${query.limit}::int`,
  );
  return rows.map((row) => ({
    deliveryId: row.id,
    endpointId: row.endpoint_id,
    userId: row.user_id,
    type: row.type,
  }));
}

/** Notes that these retries have their execution. */
export async function markHandedOver(db: Executor, deliveryIds: readonly string[]): Promise<void> {
  if (deliveryIds.length === 0) return;
  const days = [...new Set(deliveryIds.map(idDay))];
  await db.execute(sql`
    update deliveries set handed_over = true
    where day = any(${arrayLiteral(days)}::date[]) and id = any(${arrayLiteral(deliveryIds)}::text[]) and status = 'retrying'`);
}

/** Notes that the execution of a delivery has ended. */
export async function markExecutionEnded(db: Executor, deliveryId: string): Promise<void> {
  await db.execute(
    sql`update deliveries set handed_over = false where day = ${idDay(deliveryId)} and id = ${deliveryId} and handed_over`,
  );
}
