import type { ActivityClient } from '@temporalio/client';
import type { RetryToStart } from '../libs/db/deliveries-hand-over';
import {
  deliveryActivityId,
  searchAttribute,
  WEBHOOKS_QUEUE,
  type WebhookActivities,
} from '../workflows/contract';

/**
 * Starts the standalone activity that retries one delivery; joins it when it runs already. It has no end of its own
 * (no schedule-to-close, no attempt limit): the delivery row decides when it is over.
 */
export async function startRetryActivity(
  activities: Pick<ActivityClient, 'typed'>,
  { deliveryId, endpointId, userId, type }: RetryToStart,
): Promise<void> {
  await activities.typed<WebhookActivities>().start('deliverWebhook', {
    id: deliveryActivityId(deliveryId),
    taskQueue: WEBHOOKS_QUEUE,
    args: [{ deliveryId }],
    startToCloseTimeout: '30s',
    retry: { initialInterval: '30s', backoffCoefficient: 1 },
    idReusePolicy: 'ALLOW_DUPLICATE',
    idConflictPolicy: 'USE_EXISTING',
    priority: { priorityKey: 2, fairnessKey: endpointId },
    typedSearchAttributes: [
      searchAttribute('EndpointId', endpointId),
      ...(userId === null ? [] : [searchAttribute('UserId', userId)]),
    ],
    summary: `${type} → ${endpointId}`,
  });
}
