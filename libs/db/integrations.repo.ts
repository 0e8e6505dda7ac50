import { and, asc, desc, eq, lt, ne, sql } from 'drizzle-orm';
import type { FailureCode } from '../core/errors';
import { newId } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import { shardOf } from '../core/shard';
import type { Database, Executor } from './database';
import { visibleUserIds, type Principal } from './principals.repo';
import { integrations, integrationStreams, type IntegrationStatus } from './schema/integrations';
import { INTEGRATION_SHARDS } from './sync-dispatch.repo';

export type Integration = typeof integrations.$inferSelect;

export async function findIntegration(db: Executor, id: string): Promise<Integration | null> {
  const [row] = await db.select().from(integrations).where(eq(integrations.id, id));
  return row ?? null;
}

/** The user's integration of a provider that is not disconnected; there is at most one. */
export async function findLiveIntegration(
  db: Executor,
  userId: string,
  provider: ProviderId,
): Promise<Integration | null> {
  const [row] = await db.select().from(integrations).where(liveOf(userId, provider));
  return row ?? null;
}

const liveOf = (userId: string, provider: ProviderId) =>
  and(
    eq(integrations.userId, userId),
    eq(integrations.provider, provider),
    ne(integrations.status, 'disconnected'),
  );

export interface IntegrationQuery {
  userId: string | null;
  provider: ProviderId | null;
  status: IntegrationStatus | null;
  limit: number;
  beforeId: string | null;
}

/** Integrations of users the caller may see, newest first; `limit + 1` rows tell that there are more. */
export async function listIntegrations(
  db: Executor,
  principal: Principal | 'operator',
  query: IntegrationQuery,
): Promise<Integration[]> {
  const visible =
    principal === 'operator'
      ? undefined
      : sql`${integrations.userId} in ${visibleUserIds(db, principal, 'integrations.read')}`;
  return db
    .select()
    .from(integrations)
    .where(
      and(
        visible,
        query.userId === null ? undefined : eq(integrations.userId, query.userId),
        query.provider === null ? undefined : eq(integrations.provider, query.provider),
        query.status === null ? undefined : eq(integrations.status, query.status),
        query.beforeId === null ? undefined : lt(integrations.id, query.beforeId),
      ),
    )
    .orderBy(desc(integrations.id))
    .limit(query.limit + 1);
}

/** How far one stream of an integration has come. */
export interface StreamState {
  stream: StreamName;
  windowFrom: Date | null;
  windowTo: Date | null;
  lastErrorCode: FailureCode | null;
  lastErrorAt: Date | null;
  /** The answered intervals as a whole: their ends, null when nothing was answered yet, and the holes between them. */
  answeredFrom: Date | null;
  answeredTo: Date | null;
  gaps: number;
}

export async function readStreamStates(db: Executor, integrationId: string): Promise<StreamState[]> {
  const bound = (end: 'lower' | 'upper') =>
    sql<Date | null>`${sql.raw(end)}(${integrationStreams.answered})`.mapWith((text: string | null) =>
      text === null ? null : new Date(text),
    );
  return db
    .select({
      stream: integrationStreams.stream,
      windowFrom: integrationStreams.windowFrom,
      windowTo: integrationStreams.windowTo,
      lastErrorCode: integrationStreams.lastErrorCode,
      lastErrorAt: integrationStreams.lastErrorAt,
      answeredFrom: bound('lower'),
      answeredTo: bound('upper'),
      gaps: sql<number>`greatest((select count(*) from unnest(${integrationStreams.answered})) - 1, 0)::int`,
    })
    .from(integrationStreams)
    .where(eq(integrationStreams.integrationId, integrationId))
    .orderBy(asc(integrationStreams.stream));
}

/**
 * The integration a connect flow is about: the live one, else the last disconnected one, which becomes `pending` and so
 * keeps its id, else a new one. One flow at a time per (user, provider).
 */
export async function openForConnect(
  db: Database,
  userId: string,
  provider: ProviderId,
): Promise<Integration> {
  return db.transaction(async (tx) => {
    await lockUserProvider(tx, userId, provider);
    const live = await findLiveIntegration(tx, userId, provider);
    if (live) return live;
    const [last] = await tx
      .select({ id: integrations.id })
      .from(integrations)
      .where(and(eq(integrations.userId, userId), eq(integrations.provider, provider)))
      .orderBy(desc(integrations.updatedAt))
      .limit(1);
    return last ? reopen(tx, last.id) : insertPending(tx, userId, provider);
  });
}

/** Serialises what opens or swaps integrations of one user and provider until the transaction ends. */
export async function lockUserProvider(tx: Executor, userId: string, provider: ProviderId): Promise<void> {
  await tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`connect:${userId}:${provider}`}, 0))`,
  );
}

export async function insertPending(
  tx: Executor,
  userId: string,
  provider: ProviderId,
): Promise<Integration> {
  const id = newId('integration');
  const [row] = await tx
    .insert(integrations)
    .values({ id, userId, provider, shard: shardOf(id, INTEGRATION_SHARDS) })
    .returning();
  return row!;
}

async function reopen(tx: Executor, id: string): Promise<Integration> {
  const [row] = await tx
    .update(integrations)
    .set({ status: 'pending', statusReason: null, updatedAt: sql`clock_timestamp()` })
    .where(eq(integrations.id, id))
    .returning();
  return row!;
}

/** Says on an integration that was never connected why the last attempt failed; a working one is left alone. */
export async function notePendingFailure(db: Executor, id: string, reason: FailureCode): Promise<void> {
  await db
    .update(integrations)
    .set({ statusReason: reason, updatedAt: sql`clock_timestamp()` })
    .where(and(eq(integrations.id, id), eq(integrations.status, 'pending')));
}
