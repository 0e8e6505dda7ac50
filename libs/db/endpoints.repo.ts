import { and, desc, eq, isNull, lt, sql } from 'drizzle-orm';
import { AppError } from '../core/errors';
import { arrayLiteral } from './array-literal';
import { executePrepared, type Database, type Executor } from './database';
import { endpoints } from './schema/webhooks';
import { isUniqueViolation } from './sql-state';

export type Endpoint = typeof endpoints.$inferSelect;
type NewEndpoint = typeof endpoints.$inferInsert;
/** What a partner may change. */
export type EndpointChange = Partial<
  Pick<
    NewEndpoint,
    'url' | 'description' | 'eventTypes' | 'userIds' | 'payload' | 'fifo' | 'ratePerS' | 'headersSealed'
  >
>;

/** endpoints.shard is a hash modulo this; a dispatcher takes every shard with `shard % dispatchers = its number`. */
export const ENDPOINT_SHARDS = 64;

/** Open deliveries are counted no further. */
export const MAX_OPEN_COUNT = 10_000;

const isThere = (appId: string, id: string) =>
  and(eq(endpoints.appId, appId), eq(endpoints.id, id), isNull(endpoints.deletedAt));

export async function createEndpoint(tx: Executor, input: NewEndpoint): Promise<Endpoint> {
  const [row] = await tx.insert(endpoints).values(input).returning();
  return row!;
}

/**
 * Changes an endpoint; null: the app has none of this id. A new URL has not answered a handshake, and a degraded endpoint
 * is probed there at once.
 */
export async function updateEndpoint(
  tx: Executor,
  appId: string,
  id: string,
  change: EndpointChange,
): Promise<Endpoint | null> {
  const moved =
    change.url === undefined
      ? {}
      : {
          handshakeAt: sql`case when url = ${change.url} then handshake_at end`,
          nextProbeAt: sql`case when url = ${change.url} or next_probe_at is null then next_probe_at else clock_timestamp() end`,
        };
  const [row] = await tx
    .update(endpoints)
    .set({ ...change, ...moved, updatedAt: sql`clock_timestamp()` })
    .where(isThere(appId, id))
    .returning();
  return row ?? null;
}

/**
 * Runs a transaction that gives an endpoint this URL.
 * @throws AppError `conflict` that names the app's endpoint which has it already
 */
export async function withOwnUrl<T>(
  db: Database,
  appId: string,
  url: string | undefined,
  work: (tx: Executor) => Promise<T>,
): Promise<T> {
  try {
    return await db.transaction(work);
  } catch (error) {
    if (!isUniqueViolation(error) || url === undefined) throw error;
    const [other] = await db
      .select({ id: endpoints.id })
      .from(endpoints)
      .where(and(eq(endpoints.appId, appId), eq(endpoints.url, url), isNull(endpoints.deletedAt)));
    const named = other === undefined ? '' : ` (${other.id})`;
    throw new AppError(
      'conflict',
      `Your app has an endpoint with this URL already${named}. Change that one, or delete it first.`,
      { cause: error, details: { field: 'url', endpointId: other?.id ?? null } },
    );
  }
}

/** Newest first; `limit + 1` rows tell that there are more. */
export async function listEndpoints(
  db: Executor,
  appId: string,
  page: { limit: number; beforeId: string | null },
): Promise<Endpoint[]> {
  return db
    .select()
    .from(endpoints)
    .where(
      and(
        eq(endpoints.appId, appId),
        isNull(endpoints.deletedAt),
        page.beforeId === null ? undefined : lt(endpoints.id, page.beforeId),
      ),
    )
    .orderBy(desc(endpoints.id))
    .limit(page.limit + 1);
}

export async function findEndpoint(db: Executor, appId: string, id: string): Promise<Endpoint | null> {
  const [row] = await db.select().from(endpoints).where(isThere(appId, id));
  return row ?? null;
}

/** Deliveries that wait, counted up to `MAX_OPEN_COUNT`. */
export interface OpenCounts {
  pending: number;
  retrying: number;
}

interface OpenCountsRow extends OpenCounts, Record<string, unknown> {
  id: string;
}

/** By endpoint id. Two partial indexes are counted, so it costs the same whatever was delivered before. */
export async function countOpenDeliveries(
  db: Executor,
  endpointIds: readonly string[],
): Promise<ReadonlyMap<string, OpenCounts>> {
  const rows = await executePrepared<OpenCountsRow>(
    db,
    sql`
    select e.id, p.n as pending, r.n as retrying
    from unnest(${arrayLiteral(endpointIds)}::text[]) as e(id)
    cross join lateral (select count(*)::int as n from (select 1 from deliveries d
      where d.endpoint_id = e.id and d.status = 'pending' limit ${MAX_OPEN_COUNT}::int) d) p
    cross join lateral (select count(*)::int as n from (select 1 from deliveries d
      where d.endpoint_id = e.id and d.status = 'retrying' limit ${MAX_OPEN_COUNT}::int) d) r`,
  );
  return new Map(rows.map(({ id, pending, retrying }) => [id, { pending, retrying }]));
}
