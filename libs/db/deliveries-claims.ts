import { sql } from 'drizzle-orm';
import { arrayLiteral } from './array-literal';
import { executePrepared, type Executor } from './database';
import { waitingEndpoints } from './waiting-endpoints';
import { DELIVERY_COLUMNS, deliveryOf, type DeliveryRow, type DeliveryToSend } from './deliveries.repo';

/** A dispatcher takes every endpoint with `endpoints.shard % shards = shard`. */
export interface DispatchShard {
  shard: number;
  shards: number;
}

/**
 * Makes the caller the dispatcher of its endpoints: writes a new epoch, which fences the dispatcher before it. Claims live in
 * a dispatcher's memory only, so what the old one had claimed is free at once.
 */
export async function takeShard(db: Executor, { shard, shards }: DispatchShard): Promise<number> {
  const [row] = await db.execute<{ epoch: string }>(sql`
    with next as (select nextval('dispatch_epochs') as epoch), taken as (
      update dispatch_shards set epoch = next.epoch, sleeping = false from next where shard % ${shards} = ${shard}
    )
    select epoch from next`);
  return Number(row!.epoch);
}

/** Asks publishers for a NOTIFY, or tells them that it is not needed; only while the epoch still has the shard. */
export async function setSleeping(
  db: Executor,
  { shard, shards }: DispatchShard,
  epoch: number,
  sleeping: boolean,
): Promise<void> {
  await db.execute(sql`
    update dispatch_shards set sleeping = ${sleeping}
    where shard % ${shards} = ${shard} and epoch = ${epoch} and sleeping <> ${sleeping}`);
}

/** Days of the last two months and the next two days that have open rows; only their partitions need to be looked at. */
export async function readOpenDays(db: Executor): Promise<string[]> {
  const rows = await executePrepared<{ day: string }>(
    db,
    sql`
    select to_char(days.day, 'YYYY-MM-DD') as day
    from generate_series(current_date - 60, current_date + 2, interval '1 day') as days(day)
    where exists (select 1 from deliveries d where d.day = days.day::date and d.status = 'pending')
      or exists (select 1 from deliveries d where d.day = days.day::date and d.status = 'retrying')
      or exists (select 1 from deliveries d where d.day = days.day::date and d.handed_over)`,
  );
  return rows.map((row) => row.day);
}

export interface ClaimRequest extends DispatchShard {
  epoch: number;
  /** The days to look at. */
  days: readonly string[];
  /** At most so many deliveries in all. */
  limit: number;
  /** At most so many of an endpoint that is not in `lanes`. */
  perEndpoint: number;
  /** Endpoints the dispatcher works on: how many more it may claim of each. */
  lanes: ReadonlyMap<string, number>;
  /** What the dispatcher has claimed and not yet acknowledged. */
  claimed: readonly string[];
}

export interface Claim {
  /** A newer dispatcher has the shard: claim no more. */
  fenced: boolean;
  deliveries: DeliveryToSend[];
}

type ClaimRow = { fenced: boolean } & (DeliveryRow | { [column in keyof DeliveryRow]: null });

/**
 * Reads the next pending deliveries of the shard's enabled endpoints, in order within each endpoint, one of each endpoint
 * before the second of any; neither a long backlog nor a full endpoint costs the others anything. Of a degraded endpoint one
 * delivery is taken when its probe is due, of a FIFO endpoint none while a failed one waits for its retry.
 */
export async function claimDeliveries(db: Executor, request: ClaimRequest): Promise<Claim> {
  const lanes = [...request.lanes].map(([endpoint_id, room]) => ({ endpoint_id, room }));
  const days = arrayLiteral(request.days);
  const rows = await executePrepared<ClaimRow>(
    db,
    sql`
    with recursive ${waitingEndpoints('pending', request.days)}, ready as (
      select e.id, case when e.health = 'healthy' then coalesce(l.room, ${request.perEndpoint}::int)
        when l.room is null then 1 else 0 end as room
      from waiting w
      join endpoints e on e.id = w.endpoint_id and e.shard % ${request.shards}::int = ${request.shard}::int
        and e.status = 'enabled'
      left join jsonb_to_recordset(${JSON.stringify(lanes)}::jsonb) as l(endpoint_id text, room int)
        on l.endpoint_id = e.id
      where (e.health = 'healthy' or e.next_probe_at <= clock_timestamp())
        and not (e.fifo and exists (select 1 from deliveries r
          where r.day = any(${days}::date[]) and r.endpoint_id = e.id and r.status = 'retrying'))
    ), d as (
      select c.*, row_number() over (partition by ready.id order by c.queued_at, c.seq, c.id) as place
      from ready cross join lateral (
        select p.* from deliveries p
        where p.day = any(${days}::date[]) and p.endpoint_id = ready.id and p.status = 'pending'
          and p.id <> all(${arrayLiteral(request.claimed)}::text[])
        order by p.queued_at, p.seq, p.id limit ready.room
      ) c
      where ready.room > 0
      order by place limit ${request.limit}::int
    ), sendable as (
      select d.place, d.queued_at, ${DELIVERY_COLUMNS}
      from d
      join endpoints e on e.id = d.endpoint_id
      cross join lateral (select * from events where day = any(${days}::date[]) and day = d.day and id = d.event_id limit 1) ev
      left join lateral (select scopes from grants
        where app_id = e.app_id and user_id = d.user_id and revoked_at is null limit 1) g on true
    )
    select exists (select 1 from dispatch_shards
        where shard % ${request.shards}::int = ${request.shard}::int and epoch <> ${request.epoch}::bigint) as fenced, sendable.*
    from (values (1)) one left join sendable on true
    order by sendable.place, sendable.queued_at, sendable.seq`,
  );
  return {
    fenced: rows[0]?.fenced ?? true,
    deliveries: rows.flatMap((row) => (row.id === null ? [] : [deliveryOf(row as DeliveryRow)])),
  };
}

/** The dispatcher reached the end of what had waited. */
export async function endDraining(db: Executor, endpointIds: readonly string[]): Promise<void> {
  await db.execute(
    sql`update endpoints set draining = false where draining and id = any(${arrayLiteral(endpointIds)}::text[])`,
  );
}
