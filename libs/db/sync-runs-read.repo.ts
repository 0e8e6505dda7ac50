import { and, asc, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Executor } from './database';
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

/** Runs that began earlier do not write any more. */
const LIVE_RUNS = sql`interval '2 days'`;

/** How many changes an integration's runs since `from` have made so far. */
export interface ChangeCount {
  /** Instant as text, by the database's clock. */
  from: string;
  changes: number;
}

/**
 * Counts now, over the runs that may still write, or over those of an earlier count: the difference of the two is what
 * changed in between.
 */
export async function countChanges(
  db: Executor,
  integrationId: string,
  earlier?: ChangeCount,
): Promise<ChangeCount> {
  const [row] = await db.execute<{ from: string; changes: number }>(sql`
    select f.from::text as from, coalesce(sum(s.inserted + s.updated), 0)::int as changes
    from (select coalesce(${earlier?.from ?? null}::timestamptz, clock_timestamp() - ${LIVE_RUNS}) as from) f
    left join sync_runs r on r.integration_id = ${integrationId} and r.started_at >= f.from
    left join sync_run_streams s on s.run_id = r.id
    group by f.from`);
  return row!;
}
