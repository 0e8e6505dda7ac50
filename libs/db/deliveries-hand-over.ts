import { sql } from 'drizzle-orm';
import type { Executor } from './database';

/** A failed delivery whose retries still need an execution of their own. */
export interface RetryToStart {
  deliveryId: string;
  endpointId: string;
  userId: string;
  type: string;
}

interface RetryRow extends Record<string, unknown> {
  id: string;
  endpoint_id: string;
  user_id: string;
  type: string;
}

export interface RetryQuery {
  shard: number;
  shards: number;
  limit: number;
  /** At most so many retries live per endpoint; what is over it waits. */
  livePerEndpoint: number;
}

/** The next retries to hand over, soonest due first, within each endpoint's room. */
export async function readRetriesToStart(db: Executor, query: RetryQuery): Promise<RetryToStart[]> {
  const [any] = await db.execute(
    sql`select 1 from deliveries where status = 'retrying' and not handed_over limit 1`,
  );
  if (!any) return [];
  const rows = await db.execute<RetryRow>(sql`
    with waiting as (
      select d.id, d.event_id, d.endpoint_id, d.user_id, d.next_at,
        row_number() over (partition by d.endpoint_id order by d.next_at, d.id) as place
      from deliveries d join endpoints e on e.id = d.endpoint_id
      where d.status = 'retrying' and not d.handed_over and e.shard % ${query.shards} = ${query.shard}
    ), live as (
      select endpoint_id, count(*) as count from deliveries
      where status = 'retrying' and handed_over and endpoint_id in (select endpoint_id from waiting)
      group by endpoint_id
    )
    select w.id, w.endpoint_id, w.user_id, ev.type
    from waiting w join events ev on ev.id = w.event_id left join live using (endpoint_id)
    where w.place + coalesce(live.count, 0) <= ${query.livePerEndpoint}
    order by w.next_at, w.id limit ${query.limit}`);
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
  await db.execute(sql`
    update deliveries set handed_over = true
    where status = 'retrying' and id in (select jsonb_array_elements_text(${JSON.stringify(deliveryIds)}::jsonb))`);
}
