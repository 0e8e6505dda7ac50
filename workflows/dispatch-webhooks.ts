import { continueAsNew, proxyActivities, workflowInfo } from '@temporalio/workflow';
import { WEBHOOKS_QUEUE, type WebhookActivities, type WebhookDispatchInput } from './contract';

/**
 * Keeps one webhook dispatcher of a shard running for ever. The activity ends every ten minutes or so, or when its
 * worker stops; a dead one is noticed within three seconds and started elsewhere. `startToCloseTimeout` is only a
 * last resort: a dispatcher goes on delivering while Temporal is down, however long that is.
 */
export async function dispatchWebhooks(input: WebhookDispatchInput): Promise<void> {
  const activities = proxyActivities<WebhookActivities>({
    taskQueue: WEBHOOKS_QUEUE,
    startToCloseTimeout: '1 day',
    heartbeatTimeout: '3s',
    retry: { initialInterval: '200ms', maximumInterval: '5s' },
    priority: { priorityKey: 1 },
    summary: `shard ${input.shard} of ${input.shards}`,
  });
  while (!workflowInfo().continueAsNewSuggested) await activities.dispatchWebhooks(input);
  await continueAsNew<typeof dispatchWebhooks>(input);
}
