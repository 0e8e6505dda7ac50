import { sql } from 'drizzle-orm';
import { AppError } from '../core/errors';
import { newId } from '../core/ids';
import type { RecordDraft, ShapedStream } from '../health/records';
import { STREAM_SHAPES } from '../health/records';
import type { Database, Executor } from './database';
import { appendEvents, type NewEvent } from './outbox';
import { publishing } from './wake-dispatchers';
import { upsertRecords, type ChangedRecord, type RecordOwner } from './records.repo';

export interface PageToCommit {
  owner: RecordOwner;
  /** May partners receive these records (provider policy)? */
  reExport: boolean;
  runId: string;
  stream: ShapedStream;
  generation: number;
  /** The cursor the page was fetched with. */
  cursorVersion: number;
  /** Database instant (ISO text) at which the request began. */
  requestedAt: string;
  drafts: readonly RecordDraft[];
  /** Token of the next page, null when this was the window's last page. */
  next: string | null;
}

/** Counts of the run's stream so far. */
export interface RunCounts {
  pages: number;
  inserted: number;
  updated: number;
  unchanged: number;
}

/**
 * The one transaction of the engine (design §6.2): guard, records, cursor, coverage, run counts and outbox events of
 * one page land together or not at all.
 *
 * @throws AppError `integration_gone` when the integration was disconnected, erased or reconnected meanwhile;
 *   `conflict` when another attempt has moved the cursor on: nothing is written, the caller reads the cursor again
 */
export async function commitPage(db: Database, page: PageToCommit): Promise<RunCounts> {
  return publishing(db, async (tx) => {
    await guardGeneration(tx, page.owner.integrationId, page.generation);
    await advanceCursor(tx, page);
    const changes = await upsertRecords(tx, page.owner, page.stream, page.drafts, page.requestedAt);
    const counts = await countPage(
      tx,
      page,
      changes.created.length,
      changes.updated.length,
      changes.unchanged,
    );
    await appendEvents(tx, { ...page.owner, reExport: page.reExport }, [
      ...recordEvent(page.stream, 'created', changes.created),
      ...recordEvent(page.stream, 'updated', changes.updated),
    ]);
    return counts;
  });
}

/** Locks the integration against disconnect, erase and reconnect until COMMIT. */
async function guardGeneration(tx: Executor, integrationId: string, generation: number): Promise<void> {
  const rows = await tx.execute(
    sql`select 1 from integrations where id = ${integrationId} and generation = ${generation} for share`,
  );
  if (rows.length === 0)
    throw new AppError('integration_gone', 'The integration was disconnected or connected anew');
}

async function advanceCursor(tx: Executor, page: PageToCommit): Promise<void> {
  const { integrationId } = page.owner;
  const last = page.next === null;
  const rows = await tx.execute(sql`
    update integration_streams set
      cursor_version = cursor_version + 1,
      page_token = ${page.next}, page_token_at = clock_timestamp(),
      window_records = case when ${last} then 0 else window_records + ${page.drafts.length} end,
      answered = case when ${last} then answered + tstzmultirange(tstzrange(window_from, window_to)) else answered end,
      failed = case when ${last} then failed - tstzmultirange(tstzrange(window_from, window_to)) else failed end,
      empty = case when not ${last} then empty
        when window_records + ${page.drafts.length} = 0 then empty + tstzmultirange(tstzrange(window_from, window_to))
        else empty - tstzmultirange(tstzrange(window_from, window_to)) end,
      last_error_code = null,
      window_from = case when ${last} then null else window_from end,
      window_to = case when ${last} then null else window_to end
    where integration_id = ${integrationId} and stream = ${page.stream} and cursor_version = ${page.cursorVersion}
      and window_to is not null
    returning 1`);
  if (rows.length === 0) throw new AppError('conflict', 'Another attempt has moved the cursor on');
}

async function countPage(
  tx: Executor,
  page: PageToCommit,
  inserted: number,
  updated: number,
  unchanged: number,
): Promise<RunCounts> {
  const [row] = await tx.execute<{ pages: number; inserted: number; updated: number; unchanged: number }>(sql`
    insert into sync_run_streams as s (run_id, stream, pages, inserted, updated, unchanged)
    values (${page.runId}, ${page.stream}, 1, ${inserted}, ${updated}, ${unchanged})
    on conflict (run_id, stream) do update set pages = s.pages + 1, inserted = s.inserted + excluded.inserted,
      updated = s.updated + excluded.updated, unchanged = s.unchanged + excluded.unchanged
    returning pages, inserted, updated, unchanged`);
  return row!;
}

function recordEvent(
  stream: ShapedStream,
  change: 'created' | 'updated',
  records: readonly ChangedRecord[],
): NewEvent[] {
  if (records.length === 0) return [];
  const times = records.map((r) => r.startsAt.getTime()).sort((a, b) => a - b);
  const list = STREAM_SHAPES[stream].dense
    ? {}
    : { records: records.map(({ id, version }) => ({ id, version })) };
  return [
    {
      id: newId('event'),
      type: `${stream}.${change}`,
      stream,
      recordCount: records.length,
      data: {
        count: records.length,
        from: new Date(times[0]!).toISOString(),
        to: new Date(times.at(-1)!).toISOString(),
        ...list,
      },
    },
  ];
}
