import { sql } from 'drizzle-orm';
import type { FailureCode } from '../core/errors';
import { derivedId } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import { sha256Hex } from '../crypto/digest';
import type { Database, Executor } from './database';
import { appendEvents } from './outbox';
import { publishing } from './wake-dispatchers';

interface FinishedStream {
  stream: StreamName;
  errorCode: FailureCode | null;
  deferredUntil: string | null;
}

export interface FinishRequest {
  integrationId: string;
  runId: string;
  round: number;
  streams: readonly FinishedStream[];
  cancelled: boolean;
  /** Time to the next scheduled sync in seconds, jitter included. */
  nextSyncInS: number;
  reExportOf: (provider: ProviderId) => boolean;
}

export type RoundOutcome = 'ok' | 'unchanged' | 'partial' | 'failed' | 'deferred' | 'cancelled';

interface RunRow extends Record<string, unknown> {
  provider: ProviderId;
  user_id: string;
  started_at: string;
  announced_changes: number;
  changes: number;
}

/**
 * Closes one round of a run: stream results, run outcome, the integration's state and next time, and `sync.completed`
 * when records changed. Finishing the same (run, round) again writes nothing and answers the same.
 */
export async function finishRound(
  db: Database,
  request: FinishRequest,
): Promise<{ more: boolean; outcome: RoundOutcome }> {
  return publishing(db, async (tx) => {
    const [closed] = await tx.execute(sql`
      update sync_runs set finished_round = ${request.round}, finished_at = clock_timestamp()
      where id = ${request.runId} and finished_round < ${request.round} returning 1`);
    const run = await readRun(tx, request.runId);
    const outcome = outcomeOf(request, run.changes);
    const more = !request.cancelled && (await hasUnreachedStreams(tx, request));
    if (!closed) return { more, outcome };
    await tx.execute(sql`update sync_runs set outcome = ${outcome} where id = ${request.runId}`);
    for (const stream of request.streams) await closeStream(tx, request, stream);
    await updateIntegration(tx, request, outcome, more);
    if (run.changes > run.announced_changes && !more) await announce(tx, request, run, outcome);
    return { more, outcome };
  });
}

async function readRun(tx: Executor, runId: string): Promise<RunRow> {
  const [row] = await tx.execute<RunRow>(sql`
    select i.provider, i.user_id, r.started_at, r.announced_changes,
      (select coalesce(sum(inserted + updated), 0)::int from sync_run_streams where run_id = r.id) as changes
    from sync_runs r join integrations i on i.id = r.integration_id where r.id = ${runId}`);
  if (!row) throw new Error(`run ${runId} was never planned`);
  return row;
}

function outcomeOf(request: FinishRequest, changes: number): RoundOutcome {
  if (request.cancelled) return 'cancelled';
  const failed = request.streams.filter((s) => s.errorCode !== null).length;
  if (failed > 0) return failed === request.streams.length ? 'failed' : 'partial';
  if (request.streams.some((s) => s.deferredUntil !== null)) return 'deferred';
  return changes > 0 ? 'ok' : 'unchanged';
}

/** Streams that ended well but have not reached the run's start: their next window is due at once. */
async function hasUnreachedStreams(tx: Executor, request: FinishRequest): Promise<boolean> {
  const good = request.streams
    .filter((s) => s.errorCode === null && s.deferredUntil === null)
    .map((s) => s.stream);
  if (good.length === 0) return false;
  const rows = await tx.execute(sql`
    select 1 from integration_streams s join sync_runs r on r.id = ${request.runId}
    where s.integration_id = ${request.integrationId} and s.planned_run_id = r.id
      and s.stream in ${good} and coalesce(upper(s.answered), '-infinity') < r.started_at limit 1`);
  return rows.length > 0;
}

async function closeStream(tx: Executor, request: FinishRequest, result: FinishedStream): Promise<void> {
  await tx.execute(sql`
    update sync_run_streams set error_code = ${result.errorCode}, deferred_until = ${result.deferredUntil}::timestamptz
    where run_id = ${request.runId} and stream = ${result.stream}`);
  if (result.errorCode === null) return;
  await tx.execute(sql`
    update integration_streams set last_error_code = ${result.errorCode}, last_error_at = clock_timestamp(),
      failed = case when window_to is null then failed
        else failed + tstzmultirange(tstzrange(window_from, window_to)) end
    where integration_id = ${request.integrationId} and stream = ${result.stream}`);
}

async function updateIntegration(
  tx: Executor,
  request: FinishRequest,
  outcome: RoundOutcome,
  more: boolean,
): Promise<void> {
  const failure = request.streams.find((s) => s.errorCode !== null)?.errorCode ?? null;
  const slots = request.streams.flatMap((s) => (s.deferredUntil === null ? [] : [s.deferredUntil])).sort();
  const slot = slots[0] ?? null;
  const readSomething = request.streams.some((s) => s.errorCode === null && s.deferredUntil === null);
  await tx.execute(sql`
    update integrations set
      status = case when status in ('active', 'degraded') and ${!request.cancelled}
        then ${failure === null ? 'active' : 'degraded'} else status end,
      status_reason = case when status in ('active', 'degraded') and ${!request.cancelled}
        then ${failure} else status_reason end,
      last_synced_at = case when ${readSomething && outcome !== 'cancelled'} then clock_timestamp() else last_synced_at end,
      next_sync_at = case when status not in ('active', 'degraded') then null
        when ${more} then clock_timestamp() + interval '5 minutes'
        else coalesce(${slot}::timestamptz, clock_timestamp() + make_interval(secs => ${request.nextSyncInS})) end,
      updated_at = clock_timestamp()
    where id = ${request.integrationId}`);
}

/** `sync.completed` with the counts of the run per stream; its id is derived, so it cannot be said twice. */
async function announce(
  tx: Executor,
  request: FinishRequest,
  run: RunRow,
  outcome: RoundOutcome,
): Promise<void> {
  const streams = await tx.execute(sql`
    select stream, pages, inserted, updated, unchanged, error_code as "errorCode" from sync_run_streams
    where run_id = ${request.runId} order by stream`);
  await tx.execute(sql`update sync_runs set announced_changes = ${run.changes} where id = ${request.runId}`);
  const id = derivedId(
    'event',
    new Date(run.started_at).getTime(),
    sha256Hex(`${request.runId}:${request.round}`),
  );
  await appendEvents(
    tx,
    {
      userId: run.user_id,
      integrationId: request.integrationId,
      provider: run.provider,
      reExport: request.reExportOf(run.provider),
    },
    [
      {
        id,
        type: 'sync.completed',
        stream: null,
        recordCount: 0,
        data: {
          runId: request.runId,
          outcome,
          changed: run.changes - run.announced_changes,
          streams: [...streams],
        },
      },
    ],
  );
}
