import { Inject, Injectable } from '@nestjs/common';
import { getClient, heartbeat, cancellationSignal } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Database } from '../libs/db/database';
import { claimDue, type DueIntegration } from '../libs/db/sync-dispatch.repo';
import {
  syncStartOptions,
  WORKFLOWS,
  type SyncDispatchActivities,
  type SyncDispatchInput,
  type SyncDispatchResult,
} from '../workflows/contract';
import { DATABASE } from './injection-tokens';

/** A dispatcher runs every 60 s and stops before the next one. */
const SLICE_MS = 50_000;
const CLAIM_LIMIT = 200;
const CONCURRENT_STARTS = 10;

/** Starts a sync for every integration whose time has come (design §6.1). */
@Injectable()
export class SyncDispatchActivity implements SyncDispatchActivities {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  async dispatchDueSyncs(input: SyncDispatchInput): Promise<SyncDispatchResult> {
    const result: SyncDispatchResult = { claimed: 0, started: 0, alreadyRunning: 0 };
    const endsAt = Date.now() + SLICE_MS;
    while (Date.now() < endsAt && !cancellationSignal().aborted) {
      const due = await claimDue(this.db, input, CLAIM_LIMIT);
      if (due.length === 0) break;
      result.claimed += due.length;
      for (let at = 0; at < due.length; at += CONCURRENT_STARTS) {
        const started = await Promise.all(due.slice(at, at + CONCURRENT_STARTS).map((d) => startSync(d)));
        result.started += started.filter(Boolean).length;
        result.alreadyRunning += started.filter((s) => !s).length;
        heartbeat(result);
      }
    }
    return result;
  }
}

/** False when a run of this integration is already going: it will do. */
async function startSync(due: DueIntegration): Promise<boolean> {
  try {
    await getClient().workflow.start(WORKFLOWS.syncIntegration, {
      ...syncStartOptions({ ...due, trigger: 'schedule' }),
      workflowIdConflictPolicy: 'FAIL',
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}
