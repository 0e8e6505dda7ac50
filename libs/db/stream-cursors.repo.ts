import { sql } from 'drizzle-orm';
import type { ProviderId, StreamName } from '../core/providers';
import type { Database } from './database';
import type { RunCounts } from './page-commit';
import type { IntegrationStatus } from './schema/integrations';

/** What a stream activity needs to fetch its next page. */
export interface OpenWindow {
  userId: string;
  provider: ProviderId;
  accountId: string;
  status: IntegrationStatus;
  generation: number;
  from: Date;
  to: Date;
  pageToken: string | null;
  cursorVersion: number;
  /** Database instant, ISO text with microseconds. */
  now: string;
}

/** Reads the open window of a stream, null when none is open. */
export async function readOpenWindow(
  db: Database,
  integrationId: string,
  stream: StreamName,
): Promise<OpenWindow | null> {
  const [row] = await db.execute<{
    user_id: string;
    provider: ProviderId;
    account_id: string;
    status: IntegrationStatus;
    generation: number;
    window_from: string;
    window_to: string;
    page_token: string | null;
    cursor_version: string;
    now: string;
  }>(sql`
    select i.user_id, i.provider, i.account_id, i.status, i.generation, s.window_from, s.window_to, s.page_token,
      s.cursor_version, clock_timestamp() as now
    from integrations i join integration_streams s on s.integration_id = i.id
    where i.id = ${integrationId} and s.stream = ${stream} and s.window_to is not null and i.account_id is not null`);
  if (!row) return null;
  return {
    userId: row.user_id,
    provider: row.provider,
    accountId: row.account_id,
    status: row.status,
    generation: row.generation,
    from: new Date(row.window_from),
    to: new Date(row.window_to),
    pageToken: row.page_token,
    cursorVersion: Number(row.cursor_version),
    now: row.now,
  };
}

/** Counts of a run's stream so far; zeros before its first page. */
export async function readRunCounts(db: Database, runId: string, stream: StreamName): Promise<RunCounts> {
  const [row] = await db.execute<RunCounts & Record<string, unknown>>(sql`
    select pages, inserted, updated, unchanged from sync_run_streams where run_id = ${runId} and stream = ${stream}`);
  return row ?? { pages: 0, inserted: 0, updated: 0, unchanged: 0 };
}
