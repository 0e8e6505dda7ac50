import { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Config } from '../../libs/config/config';
import { ensureSchedules, type ScheduleSpec } from '../../temporal/schedules';
import {
  CORE_QUEUE,
  MAINTAIN_WEBHOOKS_ID,
  syncDispatchScheduleId,
  syncDispatchWorkflowId,
  WORKFLOWS,
} from '../../workflows/contract';
import { layWebhookShards } from './webhook-shards';

const SYNC_DISPATCH_EVERY_MS = 60_000;
const MAINTENANCE_EVERY_MS = 6 * 3_600_000;

/** Makes what every deployment needs running: the Schedules and one webhook dispatcher per shard. */
export async function startSystemWorkflows(
  connection: NativeConnection,
  config: Pick<Config, 'TEMPORAL_NAMESPACE' | 'SYNC_SHARDS' | 'WEBHOOK_SHARDS'>,
): Promise<void> {
  const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  await ensureSchedules(client, [...syncDispatches(config.SYNC_SHARDS), WEBHOOK_MAINTENANCE]);
  await layWebhookShards(client, config.WEBHOOK_SHARDS);
}

const syncDispatches = (shards: number): ScheduleSpec[] =>
  Array.from({ length: shards }, (_, shard) => ({
    scheduleId: syncDispatchScheduleId(shard),
    workflowType: WORKFLOWS.dispatchSyncs,
    workflowId: syncDispatchWorkflowId(shard),
    taskQueue: CORE_QUEUE,
    args: [{ shard, shards }],
    everyMs: SYNC_DISPATCH_EVERY_MS,
  }));

const WEBHOOK_MAINTENANCE: ScheduleSpec = {
  scheduleId: MAINTAIN_WEBHOOKS_ID,
  workflowType: WORKFLOWS.maintainWebhooks,
  workflowId: MAINTAIN_WEBHOOKS_ID,
  taskQueue: CORE_QUEUE,
  args: [],
  everyMs: MAINTENANCE_EVERY_MS,
  startsAtOnce: true,
};
