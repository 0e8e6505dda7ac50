import { and, asc, desc, eq, inArray, isNotNull, sql } from 'drizzle-orm';
import type { Executor } from './database';
import { events } from './schema/webhooks';
import { integrations, syncRuns, syncRunStreams } from './schema/integrations';

type SyncRun = typeof syncRuns.$inferSelect;
type SyncRunStream = typeof syncRunStreams.$inferSelect;

export interface SyncRunWithStreams extends SyncRun {
  streams: SyncRunStream[];
}

/** Runs of an integration, newest first; `limit + 1` rows tell that there are more. */
export async function listRuns(
  db: Executor,
  integrationId: string,
  page: { limit: number; beforeId: string | null },
): Promise<SyncRunWithStreams[]> {
  const runs = await db
    .select()
    .from(syncRuns)
    .where(
      and(
        eq(syncRuns.integrationId, integrationId),
        page.beforeId === null
          ? undefined
          : sql`(${syncRuns.startedAt}, ${syncRuns.id}) < (select r.started_at, r.id from sync_runs r where r.id = ${page.beforeId})`,
      ),
    )
    .orderBy(desc(syncRuns.startedAt), desc(syncRuns.id))
    .limit(page.limit + 1);
  return withStreams(db, runs);
}

/** A run with the user it belongs to, for the ownership check. */
export async function findRun(
  db: Executor,
  id: string,
): Promise<{ run: SyncRunWithStreams; userId: string } | null> {
  const [row] = await db
    .select({ run: syncRuns, userId: integrations.userId })
    .from(syncRuns)
    .innerJoin(integrations, eq(integrations.id, syncRuns.integrationId))
    .where(eq(syncRuns.id, id));
  if (!row) return null;
  const [run] = await withStreams(db, [row.run]);
  return { run: run!, userId: row.userId };
}

async function withStreams(db: Executor, runs: readonly SyncRun[]): Promise<SyncRunWithStreams[]> {
  const ids = runs.map((r) => r.id);
  const streams = await db
    .select()
    .from(syncRunStreams)
    .where(inArray(syncRunStreams.runId, ids))
    .orderBy(asc(syncRunStreams.runId), asc(syncRunStreams.stream));
  const byRun = Map.groupBy(streams, (s) => s.runId);
  return runs.map((run) => ({ ...run, streams: byRun.get(run.id) ?? [] }));
}

/** The database's clock in full precision, as text. */
export async function databaseInstant(db: Executor): Promise<string> {
  const [row] = await db.execute<{ now: string }>(sql`select clock_timestamp()::text as now`);
  return row!.now;
}

/** How many records of an integration changed since an instant of `databaseInstant`. */
export async function countChangesSince(db: Executor, integrationId: string, since: string): Promise<number> {
  const [row] = await db
    .select({ changes: sql<string>`coalesce(sum(${events.recordCount}), 0)` })
    .from(events)
    .where(
      and(
        eq(events.integrationId, integrationId),
        isNotNull(events.stream),
        sql`${events.occurredAt} >= ${since}::timestamptz`,
      ),
    );
  return Number(row!.changes);
}
