import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { WorkflowFailedError, type Client, type WorkflowHandle } from '@temporalio/client';
import { CancelledFailure, WorkflowNotFoundError } from '@temporalio/common';
import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import { findIntegration, type Integration } from '../../../libs/db/integrations.repo';
import { countChanges, listRuns } from '../../../libs/db/sync-runs-read.repo';
import {
  disconnectStartOptions,
  expeditedSignal,
  syncStartOptions,
  syncWorkflowId,
  WORKFLOWS,
  type SyncInput,
  type SyncOutcome,
  type SyncResult,
  type SyncTrigger,
} from '../../../workflows/contract';
import { isEngineAway } from '../http/to-app-error';
import { DATABASE, TEMPORAL } from '../injection-tokens';
import type { syncFinished } from './integrations.schema';

/** The SDK's own retries go on for 20 s; a caller hears sooner that the engine is away. */
const ENGINE_TIMEOUT_MS = 5_000;

type SyncWorkflow = (input: SyncInput) => Promise<SyncResult>;
type Ended = { runId: string | null; outcome: SyncOutcome };

/** Starts syncs, waits for them, and starts disconnects. */
@Injectable()
export class SyncService implements OnModuleDestroy {
  readonly #closing = new AbortController();

  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(TEMPORAL) private readonly temporal: Client,
  ) {}

  /** Callers who wait are answered 202 at once when the process stops. */
  onModuleDestroy(): void {
    this.#closing.abort();
  }

  /**
   * Starts a sync, or tells the running one to make another round (design §6.1).
   * @throws grpc ServiceError while the engine is away
   */
  async start(
    integration: Pick<Integration, 'id' | 'userId' | 'provider'>,
    trigger: SyncTrigger,
  ): Promise<WorkflowHandle<SyncWorkflow>> {
    const { id: integrationId, userId, provider } = integration;
    return this.temporal.withDeadline(Date.now() + ENGINE_TIMEOUT_MS, () =>
      this.temporal.workflow.signalWithStart<SyncWorkflow>(WORKFLOWS.syncIntegration, {
        ...syncStartOptions({ integrationId, userId, provider, trigger }),
        signal: expeditedSignal,
      }),
    );
  }

  /**
   * Syncs now. With `waitS` > 0 waits so long for the run to end; null = it goes on without us.
   *
   * @param callerGone ends the wait early
   * @throws AppError `reauth_required`, `conflict`, `integration_gone` when the state does not allow a sync
   */
  async syncNow(
    integration: Integration,
    waitS: number,
    callerGone: AbortSignal,
  ): Promise<z.infer<typeof syncFinished> | null> {
    requireSyncable(integration);
    const before = await countChanges(this.db, integration.id);
    const handle = await this.start(integration, 'user');
    if (waitS === 0) return null;
    const ended = await this.#waitForEnd(integration.id, handle, waitS, callerGone);
    if (ended === null) return null;
    const [after, now] = await Promise.all([
      countChanges(this.db, integration.id, before),
      findIntegration(this.db, integration.id),
    ]);
    return {
      synced: after.changes - before.changes,
      integrationId: integration.id,
      integrationStatus: now?.status ?? integration.status,
      workflowId: syncWorkflowId(integration.id),
      status: 'finished',
      ...ended,
    };
  }

  /** Starts the disconnect, or joins the running one. @throws grpc ServiceError while the engine is away */
  async disconnect(integration: Pick<Integration, 'id' | 'userId' | 'provider'>): Promise<void> {
    const { id: integrationId, userId, provider } = integration;
    const options = disconnectStartOptions({ integrationId, userId, provider });
    await this.temporal.withDeadline(Date.now() + ENGINE_TIMEOUT_MS, () =>
      this.temporal.workflow.start(WORKFLOWS.disconnectIntegration, options),
    );
  }

  async #waitForEnd(
    integrationId: string,
    handle: WorkflowHandle<SyncWorkflow>,
    waitS: number,
    callerGone: AbortSignal,
  ): Promise<Ended | null> {
    const stop = AbortSignal.any([AbortSignal.timeout(waitS * 1000), callerGone, this.#closing.signal]);
    try {
      const { runId, outcome } = await this.temporal.withAbortSignal(stop, () => handle.result());
      return { runId, outcome };
    } catch (error) {
      // The sync is accepted whatever becomes of the wait.
      if (stop.aborted || isEngineAway(error)) return null;
      if (!(error instanceof WorkflowFailedError) && !(error instanceof WorkflowNotFoundError)) throw error;
      const [run] = await listRuns(this.db, integrationId, { limit: 1, beforeId: null });
      const cancelled = error instanceof WorkflowFailedError && error.cause instanceof CancelledFailure;
      return { runId: run?.id ?? null, outcome: cancelled ? 'cancelled' : 'failed' };
    }
  }
}

function requireSyncable({ id, provider, status, statusReason }: Integration): void {
  if (status === 'active' || status === 'degraded') return;
  const connect = `POST /v1/integrations/${provider}/connect`;
  const details = { integrationId: id, status, reason: statusReason, todo: connect };
  if (status === 'needs_reauth')
    throw new AppError(
      'reauth_required',
      `We have no access to the user's data any more (${statusReason ?? 'reauth_required'}). Send the user through ${connect} again.`,
      { details },
    );
  if (status === 'disconnected')
    throw new AppError('integration_gone', `This integration was disconnected. Use ${connect}.`, { details });
  if (status === 'pending')
    throw new AppError('conflict', `The user has not finished connecting. Use ${connect}.`, { details });
  throw new AppError('conflict', 'This integration is paused. Resume it first.', {
    details: { ...details, todo: 'resume' },
  });
}
