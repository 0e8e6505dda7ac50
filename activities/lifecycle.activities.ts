import { Inject, Injectable } from '@nestjs/common';
import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { ProviderId } from '../libs/core/providers';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import type { Database } from '../libs/db/database';
import { closeIntegration } from '../libs/db/integration-status';
import { syncWorkflowId, type LifecycleActivities } from '../workflows/contract';
import { DATABASE, RUNTIMES } from './injection-tokens';

/** The database and Temporal side of ending an integration. */
@Injectable()
export class IntegrationLifecycleActivities implements LifecycleActivities {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
  ) {}

  async closeIntegration(input: { integrationId: string }): Promise<void> {
    await closeIntegration(
      this.db,
      input.integrationId,
      (provider) => this.runtimes.get(provider)?.policy.reExport ?? false,
    );
  }

  /** Asks a running sync to stop; the raised generation already keeps it from writing. */
  async stopSync(input: { integrationId: string }): Promise<void> {
    try {
      await getClient().workflow.getHandle(syncWorkflowId(input.integrationId)).cancel();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
