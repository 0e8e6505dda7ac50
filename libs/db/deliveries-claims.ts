import { sql } from 'drizzle-orm';
import type { Database, Executor } from './database';
import {
  deliveryOf,
  deliveryToSendFrom,
  writeResults,
  type DeliveryResult,
  type DeliveryRow,
  type DeliveryToSend,
} from './deliveries.repo';

/** A dispatcher takes every endpoint with `endpoints.shard % shards = shard`. */
export interface DispatchShard {
  shard: number;
  shards: number;
}

/**
 * Makes the caller the dispatcher of a shard: raises the epoch, which fences the dispatcher before it, and takes back
 * at once what that one had claimed.
 */
export async function takeShard(
  db: Database,
  { shard, shards }: DispatchShard,
): Promise<{ epoch: number; reclaimed: number }> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute<{ epoch: string }>(sql`
      insert into dispatch_shards as s (shard, epoch) values (${shard}, 1)
      on conflict (shard) do update set epoch = s.epoch + 1 returning epoch`);
    const epoch = Number(row!.epoch);
    const reclaimed = await tx.execute(sql`
      update deliveries d set status = 'pending', claim_epoch = null
      from endpoints e
      where e.id = d.endpoint_id and e.shard % ${shards} = ${shard} and d.status = 'sending' and d.claim_epoch < ${epoch}
      returning 1`);
    return { epoch, reclaimed: reclaimed.length };
  });
}

export interface ClaimRequest extends DispatchShard {
  epoch: number;
  /** At most so many deliveries in all. */
  limit: number;
  /** At most so many in flight per endpoint. */
  perEndpoint: number;
  /** In flight now, per endpoint that has any. */
  inFlight: ReadonlyMap<string, number>;
}

export interface Claim {
  /** A newer dispatcher has the shard: claim no more. */
  fenced: boolean;
  deliveries: DeliveryToSend[];
}

type ClaimRow = { fenced: boolean } & (DeliveryRow | { [column in keyof DeliveryRow]: null });

/**
 * Claims pending deliveries of the shard's enabled endpoints, oldest sequence first within each endpoint, the
 * endpoints with the fewest in flight first. Steps over the index (endpoint, seq) from one endpoint with pending rows to
 * the next, so neither a long backlog nor a full endpoint costs the others anything. The shard's row is locked only
 * when there is something to claim; a claim that waited for a newer epoch gets nothing.
 */
export async function claimDeliveries(db: Executor, request: ClaimRequest): Promise<Claim> {
  const busy = [...request.inFlight].map(([endpoint_id, count]) => ({ endpoint_id, count }));
  const rows = await db.execute<ClaimRow>(sql`
    with recursive waiting(endpoint_id) as (
      (select endpoint_id from deliveries where status = 'pending' order by endpoint_id limit 1)
      union all
      select (select n.endpoint_id from deliveries n
        where n.status = 'pending' and n.endpoint_id > w.endpoint_id order by n.endpoint_id limit 1)
      from waiting w where w.endpoint_id is not null
    ), ready as (
      select e.id, coalesce(b.count, 0) as busy
      from waiting w
      join endpoints e on e.id = w.endpoint_id and e.shard % ${request.shards} = ${request.shard} and e.status = 'enabled'
      left join jsonb_to_recordset(${JSON.stringify(busy)}::jsonb) as b(endpoint_id text, count int)
        on b.endpoint_id = e.id
      where coalesce(b.count, 0) < ${request.perEndpoint}
    ), candidates as (
      select c.id, ready.busy + row_number() over (partition by ready.id order by c.seq, c.id) as place
      from ready cross join lateral (
        select p.id, p.seq from deliveries p where p.endpoint_id = ready.id and p.status = 'pending'
        order by p.seq, p.id limit ${request.perEndpoint} - ready.busy
      ) c
      order by place, c.id limit ${request.limit}
    ), held as (
      select shard from dispatch_shards
      where shard = ${request.shard} and epoch = ${request.epoch} and exists (select 1 from candidates)
      for share
    ), claimed as (
      update deliveries d set status = 'sending', claim_epoch = ${request.epoch}
      from candidates c, held where d.id = c.id and d.status = 'pending'
      returning d.*
    ), sendable as (${deliveryToSendFrom(sql`claimed`)})
    select (select epoch from dispatch_shards where shard = ${request.shard}) <> ${request.epoch} as fenced, sendable.*
    from (values (1)) one left join sendable on true`);
  return {
    fenced: rows[0]?.fenced ?? true,
    deliveries: rows.flatMap((row) => (row.id === null ? [] : [deliveryOf(row as DeliveryRow)])),
  };
}

/** Writes results of claimed deliveries; refused for rows that a newer epoch took back. Answers the refused ids. */
export async function ackDeliveries(
  db: Executor,
  epoch: number,
  results: readonly DeliveryResult[],
): Promise<string[]> {
  const taken = new Set(
    await writeResults(db, results, sql`d.status = 'sending' and d.claim_epoch = ${epoch}`),
  );
  return results.map((r) => r.deliveryId).filter((id) => !taken.has(id));
}

/** Gives back what an epoch still holds, e.g. when its dispatcher drains. */
export async function releaseClaims(
  db: Executor,
  { shard, shards }: DispatchShard,
  epoch: number,
): Promise<number> {
  const released = await db.execute(sql`
    update deliveries d set status = 'pending', claim_epoch = null
    from endpoints e
    where e.id = d.endpoint_id and e.shard % ${shards} = ${shard} and d.status = 'sending' and d.claim_epoch = ${epoch}
    returning 1`);
  return released.length;
}
