import { proxyActivities } from '@temporalio/workflow';
import {
  OPS_QUEUE,
  providerQueue,
  type DisconnectInput,
  type LifecycleActivities,
  type ProviderActivities,
} from './contract';

/** Ends an integration: no write from now on, the running sync stops, access is revoked at the provider. Data stays. */
export async function disconnectIntegration(input: DisconnectInput): Promise<{ revoked: boolean }> {
  const retry = { initialInterval: '1s', maximumInterval: '5m' } as const;
  const lifecycle = proxyActivities<LifecycleActivities>({
    taskQueue: OPS_QUEUE,
    startToCloseTimeout: '30s',
    retry,
  });
  const provider = proxyActivities<ProviderActivities>({
    taskQueue: providerQueue(input.provider),
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: '7d',
    retry,
  });
  const { integrationId } = input;
  await lifecycle.closeIntegration({ integrationId });
  await lifecycle.stopSync({ integrationId });
  return provider.revokeAccess.executeWithOptions({ summary: `revoke at ${input.provider}` }, [
    { integrationId },
  ]);
}
