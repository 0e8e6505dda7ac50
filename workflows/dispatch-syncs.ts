import { proxyActivities } from '@temporalio/workflow';
import {
  OPS_QUEUE,
  type SyncDispatchActivities,
  type SyncDispatchInput,
  type SyncDispatchResult,
} from './contract';

/** One tick of a sync dispatcher, started by its Schedule every 60 s; the next tick repeats what this one missed. */
export async function dispatchSyncs(input: SyncDispatchInput): Promise<SyncDispatchResult> {
  const { dispatchDueSyncs } = proxyActivities<SyncDispatchActivities>({
    taskQueue: OPS_QUEUE,
    startToCloseTimeout: '58s',
    heartbeatTimeout: '20s',
    retry: { maximumAttempts: 1 },
  });
  return dispatchDueSyncs.executeWithOptions({ summary: `shard ${input.shard} of ${input.shards}` }, [input]);
}
