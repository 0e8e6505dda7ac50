import { Inject, Injectable } from '@nestjs/common';
import { withJitter } from '../libs/core/backoff';
import type { ProviderId } from '../libs/core/providers';
import type { Config } from '../libs/config/config';
import { runtimeOf, type ProviderRuntime } from '../libs/connectors/runtime';
import type { Database } from '../libs/db/database';
import { finishRound } from '../libs/db/sync-finish.repo';
import { planRound, type StreamRule } from '../libs/db/sync-plan.repo';
import type { FinishInput, FinishResult, Plan, PlanInput, SyncBookkeeping } from '../workflows/contract';
import { CONFIG, DATABASE, RUNTIMES } from './injection-tokens';

/** The scheduled time moves by ± this share, so that integrations that met once do not meet again. */
const CADENCE_JITTER = 0.1;

/** Opens and closes the rounds of a sync run. */
@Injectable()
export class SyncBookkeepingActivities implements SyncBookkeeping {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    @Inject(CONFIG) private readonly config: Pick<Config, 'SYNC_INTERVAL_S' | 'SYNC_INITIAL_DAYS'>,
  ) {}

  async planSync(input: PlanInput): Promise<Plan> {
    return planRound(this.db, { ...input, rulesOf: (provider) => this.#rulesOf(provider) });
  }

  async finishSync(input: FinishInput): Promise<FinishResult> {
    return finishRound(this.db, {
      ...input,
      nextSyncInS: withJitter(this.config.SYNC_INTERVAL_S, CADENCE_JITTER, Math.random()),
      reExportOf: (provider) => this.runtimes.get(provider)?.policy.reExport ?? false,
    });
  }

  /** A read never reaches back further than the provider lets its content be kept. */
  #rulesOf(provider: ProviderId): StreamRule[] {
    const { connector, policy } = runtimeOf(this.runtimes, provider);
    return connector.streams.map((stream) => ({
      ...stream,
      initialDays: Math.min(
        this.config.SYNC_INITIAL_DAYS ?? stream.initialDays,
        policy.cacheTtlDays ?? Infinity,
      ),
      overlapDays: Math.min(stream.overlapDays, policy.cacheTtlDays ?? Infinity),
    }));
  }
}
