import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Config } from '../../libs/config/config';
import { ensureSchedules } from '../../temporal/schedules';
import {
  CORE_QUEUE,
  syncDispatchScheduleId,
  syncDispatchWorkflowId,
  webhookDispatchWorkflowId,
  WORKFLOWS,
} from '../../workflows/contract';

/** Makes what every deployment needs running: the sync dispatch Schedules and one webhook dispatcher per shard. */
export async function startSystemWorkflows(
  connection: NativeConnection,
  config: Pick<Config, 'TEMPORAL_NAMESPACE' | 'SYNC_SHARDS' | 'WEBHOOK_SHARDS'>,
): Promise<void> {
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const syncShards = Array.from({ length: config.SYNC_SHARDS }, (_, shard) => shard);
  await ensureSchedules(
    client,
    syncShards.map((shard) => ({
      scheduleId: syncDispatchScheduleId(shard),
      workflowType: WORKFLOWS.dispatchSyncs,
      workflowId: syncDispatchWorkflowId(shard),
      taskQueue: CORE_QUEUE,
      args: [{ shard, shards: config.SYNC_SHARDS }],
    })),
  );
  for (let shard = 0; shard < config.WEBHOOK_SHARDS; shard += 1) {
    await client.workflow.start(WORKFLOWS.dispatchWebhooks, {
      taskQueue: CORE_QUEUE,
      workflowId: webhookDispatchWorkflowId(shard),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ shard, shards: config.WEBHOOK_SHARDS }],
      staticSummary: `webhook dispatcher, shard ${shard}`,
    });
  }
}
