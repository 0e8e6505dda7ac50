import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import {
  OPS_QUEUE,
  replayProgressQuery,
  type ReplayActivities,
  type ReplayBatch,
  type ReplayInput,
} from './contract';

/**
 * Replays a range of events to one endpoint in batches, however many there are. The replay's row holds cursor and counts,
 * so it goes on where it was whatever was killed. Between batches it waits on a timer while enough deliveries are pending,
 * so that live events are not buried. Cancelling it cancels the replay; what is queued by then is delivered.
 */
export async function replayEndpoint(input: ReplayInput): Promise<ReplayBatch> {
  const { replayId } = input;
  const ops = proxyActivities<ReplayActivities>({
    taskQueue: OPS_QUEUE,
    startToCloseTimeout: '1m',
    retry: { initialInterval: '1s', maximumInterval: '1m' },
  });
  let progress: ReplayBatch = { status: 'running', scanned: 0, queued: 0, cursorAt: null, waitMs: 0 };
  setHandler(replayProgressQuery, () => progress);
  try {
    do {
      progress = await ops.queueReplayBatch.executeWithOptions(
        { summary: `from ${progress.cursorAt ?? 'the start'}` },
        [{ replayId }],
      );
      setCurrentDetails(
        `**${progress.status}**: ${progress.queued} deliveries queued of ${progress.scanned} events, up to ${progress.cursorAt ?? 'the start'}`,
      );
      if (progress.waitMs > 0) await sleep(progress.waitMs, { summary: 'the endpoint has enough to do' });
      if (progress.status === 'running' && workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof replayEndpoint>(input);
    } while (progress.status === 'running');
    return progress;
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => ops.cancelReplay({ replayId }));
    throw error;
  }
}
