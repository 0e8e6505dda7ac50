import { Global, Module, type OnApplicationShutdown, Inject } from '@nestjs/common';
import { register } from 'prom-client';
import {
  CONFIG,
  DATABASE,
  EXECUTION_LINE,
  LOGGER,
  METRICS,
  RUNTIMES,
} from '../../activities/injection-tokens';
import { IntegrationLifecycleActivities } from '../../activities/lifecycle.activities';
import { SyncBookkeepingActivities } from '../../activities/sync-bookkeeping.activities';
import { SyncDispatchActivity } from '../../activities/sync-dispatch.activities';
import { SyncStreamActivities } from '../../activities/sync-stream.activities';
import { TokenCustody } from '../../activities/token-custody';
import { WebhookMaintenanceActivity } from '../../activities/webhook-maintenance.activities';
import { WebhookReplayActivities } from '../../activities/webhook-replay.activities';
import { WebhookDeliveryActivities, type ExecutionLine } from '../../activities/webhooks.activities';
import { loadConfig, type Config } from '../../libs/config/config';
import { loadRuntimes } from '../../libs/connectors/runtime';
import { Sealer } from '../../libs/crypto/sealer';
import { closeDatabase, openDatabase, type Database } from '../../libs/db/database';
import { Logger } from '../../libs/telemetry/logger';
import { SWEEP_SETTINGS } from '../../libs/webhooks/delivery-sweeper';
import { TemporalDeliveryExecutions } from '../../temporal/delivery-executions';
import { DELIVERY_ACTIVITY, deliveryActivityId } from '../../workflows/contract';
import { HealthServer } from './health-server';
import { TemporalWorkerHost } from './temporal-worker-host';

/** As the operators see them: standalone activities `deliver:<delivery id>`. */
const EXECUTIONS: ExecutionLine = {
  executionsOf: (client) => new TemporalDeliveryExecutions(client, DELIVERY_ACTIVITY, deliveryActivityId),
  settings: SWEEP_SETTINGS,
};

@Global()
@Module({
  providers: [
    { provide: CONFIG, useFactory: () => loadConfig() },
    {
      provide: LOGGER,
      useFactory: (config: Config) => new Logger('worker', config.LOG_LEVEL),
      inject: [CONFIG],
    },
    { provide: METRICS, useValue: register },
    { provide: EXECUTION_LINE, useValue: EXECUTIONS },
    { provide: RUNTIMES, useFactory: () => loadRuntimes() },
    { provide: Sealer, useFactory: (config: Config) => new Sealer(config.ENCRYPTION_KEYS), inject: [CONFIG] },
    {
      provide: DATABASE,
      useFactory: (config: Config) =>
        openDatabase(config.DATABASE_URL, config.DATABASE_POOL_SIZE, 'diettracker-worker'),
      inject: [CONFIG],
    },
    {
      provide: TokenCustody,
      useFactory: (...deps: ConstructorParameters<typeof TokenCustody>) => new TokenCustody(...deps),
      inject: [DATABASE, Sealer, RUNTIMES, LOGGER],
    },
    SyncBookkeepingActivities,
    SyncStreamActivities,
    SyncDispatchActivity,
    IntegrationLifecycleActivities,
    WebhookDeliveryActivities,
    WebhookMaintenanceActivity,
    WebhookReplayActivities,
    TemporalWorkerHost,
    HealthServer,
  ],
})
export class WorkerModule implements OnApplicationShutdown {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** After `beforeApplicationShutdown`: activities have drained by then. */
  async onApplicationShutdown(): Promise<void> {
    await closeDatabase(this.db);
  }
}
