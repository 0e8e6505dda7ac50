import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { isFailureCode, type FailureCode } from '../libs/core/errors';
import { runIdOf } from '../libs/core/ids';
import type { StreamName } from '../libs/core/providers';
import {
  expeditedSignal,
  progressQuery,
  providerQueue,
  searchAttribute,
  type Plan,
  type ProviderActivities,
  type StreamOutcome,
  type StreamProgress,
  type SyncBookkeeping,
  type SyncInput,
  type SyncOutcome,
  type SyncProgress,
  type SyncResult,
} from './contract';

/** A wait for the provider's limit up to this long is a timer of the run; after it the run ends `deferred`. */
const LONGEST_WAIT_MS = 15 * 60_000;

const bookkeeping = proxyLocalActivities<SyncBookkeeping>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
});

/**
 * One sync run of one integration: plan, read every stream, finish, and again while there is more to read or somebody
 * asked meanwhile. There is at most one run per integration, by workflow id.
 */
export async function syncIntegration(input: SyncInput): Promise<SyncResult> {
  const { integrationId } = input;
  const runId = runIdOf(workflowInfo().firstExecutionRunId);
  const progress: SyncProgress = { runId, round: input.roundsBefore ?? 0, phase: 'planning', streams: [] };
  let requested = true;
  let expedited = false;
  setHandler(expeditedSignal, () => {
    requested = true;
    expedited = true;
  });
  setHandler(progressQuery, () => progress);

  let more = false;
  let outcome: SyncOutcome = 'skipped';
  do {
    const continuation = !requested;
    requested = false;
    progress.round += 1;
    show(progress, 'planning');
    const plan = await bookkeeping.planSync({
      integrationId,
      runId,
      round: progress.round,
      trigger: input.trigger,
      continuation,
    });
    if (plan.kind === 'skip') {
      outcome = 'skipped';
      setCurrentDetails(`skipped: the integration is ${plan.reason}`);
      break;
    }
    expedited = false;
    const { streams, cancellation } = await readStreams(plan);
    show(progress, 'finishing');
    const finished = await CancellationScope.nonCancellable(() =>
      bookkeeping.finishSync({
        integrationId,
        runId,
        round: progress.round,
        streams,
        cancelled: cancellation !== null,
      }),
    );
    if (cancellation !== null) throw cancellation;
    ({ more, outcome } = finished);
    if ((more || requested) && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof syncIntegration>({ ...input, roundsBefore: progress.round });
    }
  } while (more || requested);
  show(progress, 'done');
  upsertSearchAttributes([searchAttribute('SyncOutcome', outcome)]);
  return { runId, outcome, rounds: progress.round };

  async function readStreams(
    plan: Extract<Plan, { kind: 'sync' }>,
  ): Promise<{ streams: StreamOutcome[]; cancellation: Error | null }> {
    progress.streams = plan.streams.map((stream) => ({ ...NOTHING_READ, stream }));
    show(progress, 'streaming');
    try {
      const streams = await Promise.all(progress.streams.map((row) => readStream(row, plan.generation)));
      return { streams, cancellation: null };
    } catch (error) {
      if (!isCancellation(error)) throw error;
      return { streams: [], cancellation: error as Error };
    }
  }

  /** Reads one stream to the end of its window, waiting out the provider's limit with a timer. */
  async function readStream(row: StreamProgress, generation: number): Promise<StreamOutcome> {
    let waitedMs = 0;
    for (;;) {
      const errorCode = await readSlice(row, generation);
      if (errorCode !== null) return { stream: row.stream, errorCode, deferredUntil: null };
      if (row.deferredUntil === null) return { stream: row.stream, errorCode: null, deferredUntil: null };
      const waitMs = Math.max(0, Date.parse(row.deferredUntil) - Date.now());
      if (waitedMs + waitMs > LONGEST_WAIT_MS) {
        return { stream: row.stream, errorCode: null, deferredUntil: row.deferredUntil };
      }
      waitedMs += waitMs;
      show(progress, 'waiting');
      await condition(() => expedited, waitMs);
      expedited = false;
      show(progress, 'streaming');
    }
  }

  /** Activities of one stream until its window is read (null), it must wait (`row.deferredUntil`), or it failed. */
  async function readSlice(row: StreamProgress, generation: number): Promise<FailureCode | null> {
    const { syncStream } = proxyActivities<ProviderActivities>({
      taskQueue: providerQueue(input.provider),
      startToCloseTimeout: '6m',
      heartbeatTimeout: '15s',
      scheduleToCloseTimeout: '2h',
      retry: { initialInterval: '1s', maximumInterval: '5m' },
    });
    for (;;) {
      try {
        const slice = await syncStream.executeWithOptions({ summary: `${input.provider} ${row.stream}` }, [
          { integrationId, runId, stream: row.stream, generation },
        ]);
        const { more: sliceMore, waitMs, ...counts } = slice;
        Object.assign(row, counts);
        row.deferredUntil = waitMs === null ? null : new Date(Date.now() + waitMs).toISOString();
        show(progress, 'streaming');
        if (!sliceMore || waitMs !== null) return null;
      } catch (error) {
        if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
        row.errorCode = failureCodeOf(error);
        return row.errorCode;
      }
    }
  }
}

const NOTHING_READ: Omit<StreamProgress, 'stream'> = {
  pages: 0,
  inserted: 0,
  updated: 0,
  unchanged: 0,
  errorCode: null,
  deferredUntil: null,
};

function failureCodeOf(error: ActivityFailure): FailureCode {
  const type = error.cause instanceof ApplicationFailure ? error.cause.type : 'provider_unavailable';
  return isFailureCode(type) ? type : 'internal';
}

function show(progress: SyncProgress, phase: SyncProgress['phase']): void {
  progress.phase = phase;
  const lines = progress.streams.map(
    (s: StreamProgress & { stream: StreamName }) =>
      `- ${s.stream}: ${s.pages} pages, ${s.inserted} new, ${s.updated} changed, ${s.unchanged} unchanged` +
      (s.errorCode === null ? '' : `, failed: ${s.errorCode}`) +
      (s.deferredUntil === null ? '' : `, waiting until ${s.deferredUntil}`),
  );
  setCurrentDetails([`**${phase}**, round ${progress.round}`, ...lines].join('\n'));
}
