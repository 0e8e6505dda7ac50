import { proxyActivities } from '@temporalio/workflow';
import { OPS_QUEUE, type WebhookMaintenance, type WebhookMaintenanceActivities } from './contract';

/**
 * Makes and drops the ledger's partitions, started by its Schedule every six hours and when the Schedule is made. Tables that
 * were too busy are tried again for some minutes; after that the next run, of which some fifty come before days run out.
 */
export async function maintainWebhooks(): Promise<WebhookMaintenance> {
  const { maintainWebhookPartitions } = proxyActivities<WebhookMaintenanceActivities>({
    taskQueue: OPS_QUEUE,
    startToCloseTimeout: '15 minutes',
    retry: { initialInterval: '30s', maximumInterval: '10 minutes', maximumAttempts: 6 },
  });
  return maintainWebhookPartitions();
}
