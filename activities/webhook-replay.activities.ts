import { Inject, Injectable } from '@nestjs/common';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import type { ProviderId } from '../libs/core/providers';
import type { Database } from '../libs/db/database';
import { queueReplayBatch, type BatchLimits } from '../libs/db/replay-batch.repo';
import { cursorTime, endReplay } from '../libs/db/replays.repo';
import { wakeDispatchers } from '../libs/db/wake-dispatchers';
import type { ReplayActivities, ReplayBatch } from '../workflows/contract';
import { DATABASE, RUNTIMES } from './injection-tokens';

const LIMITS: BatchLimits = { queued: 500, scanned: 5_000, pending: 1_000 };
const WAIT_MS = { pending: 1_000, paused: 60_000 };

/** The database side of a replay. */
@Injectable()
export class WebhookReplayActivities implements ReplayActivities {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES)
    private readonly runtimes: ReadonlyMap<ProviderId, Pick<ProviderRuntime, 'policy'>>,
  ) {}

  async queueReplayBatch({ replayId }: { replayId: string }): Promise<ReplayBatch> {
    const providers = [...this.runtimes].flatMap(([id, { policy }]) => (policy.reExport ? [id] : []));
    const { status, scanned, queued, cursor, held } = await queueReplayBatch(
      this.db,
      replayId,
      providers,
      LIMITS,
    );
    await wakeDispatchers(this.db);
    return {
      status,
      scanned,
      queued,
      cursorAt: cursor === null ? null : cursorTime(cursor).toISOString(),
      waitMs: held === null ? 0 : WAIT_MS[held],
    };
  }

  /** The workflow was cancelled, over our API or in Temporal; the first to say so is in the audit log. */
  async cancelReplay({ replayId }: { replayId: string }): Promise<void> {
    await endReplay(this.db, replayId, 'cancelled', 'temporal:unknown');
  }
}
