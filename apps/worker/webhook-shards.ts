import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import { ENDPOINT_SHARDS } from '../../libs/db/endpoints.repo';
import { CORE_QUEUE, webhookDispatchWorkflowId, WORKFLOWS } from '../../workflows/contract';

/**
 * Makes exactly the webhook dispatchers `0 … shards - 1` run, each with this number of shards. A dispatcher of another
 * layout is terminated: its successors fence it by their epochs as soon as they run, so an endpoint never has two, and
 * only what it had in flight may go out again. While instances start with different settings, the last one wins.
 */
export async function layWebhookShards(client: Client, shards: number): Promise<void> {
  const numbers = Array.from({ length: ENDPOINT_SHARDS }, (_, shard) => shard);
  await Promise.all(numbers.map((shard) => endOtherLayout(client, shard, shards)));
  for (let shard = 0; shard < shards; shard += 1) {
    await client.workflow.start(WORKFLOWS.dispatchWebhooks, {
      taskQueue: CORE_QUEUE,
      workflowId: webhookDispatchWorkflowId(shard),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ shard, shards }],
      memo: { shards },
      staticSummary: `webhook dispatcher, shard ${shard} of ${shards}`,
    });
  }
}

async function endOtherLayout(client: Client, shard: number, shards: number): Promise<void> {
  const workflowId = webhookDispatchWorkflowId(shard);
  try {
    const { status, memo, raw } = await client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING' || (shard < shards && memo?.['shards'] === shards)) return;
    // Only the chain that was seen: another instance may have started the right one meanwhile.
    const firstExecutionRunId = raw.workflowExecutionInfo?.firstRunId ?? undefined;
    await client.workflow
      .getHandle(workflowId, undefined, firstExecutionRunId === undefined ? {} : { firstExecutionRunId })
      .terminate(`the number of webhook shards is ${shards} now`);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
