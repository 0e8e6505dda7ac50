import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../libs/config/config';
import { AppError } from '../libs/core/errors';
import type { Database } from '../libs/db/database';
import { countDefaultPartitionRows, maintainPartitions } from '../libs/db/webhook-partitions.repo';
import type { Logger } from '../libs/telemetry/logger';
import type { WebhookMaintenance, WebhookMaintenanceActivities } from '../workflows/contract';
import { CONFIG, DATABASE, LOGGER } from './injection-tokens';

/** Partitions made ahead: so long may maintenance fail before rows fall into a DEFAULT partition. */
const AHEAD_DAYS = 14;

/** Keeps the ledger's day partitions (design §8 "Tables"). */
@Injectable()
export class WebhookMaintenanceActivity implements WebhookMaintenanceActivities {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(CONFIG) private readonly config: Pick<Config, 'WEBHOOK_RETENTION_DAYS'>,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws AppError `database_unavailable` when tables were too busy to be locked: try again */
  async maintainWebhookPartitions(): Promise<WebhookMaintenance> {
    const strayRows = await countDefaultPartitionRows(this.db);
    if (strayRows > 0)
      this.logger.error('webhook rows stand in a DEFAULT partition; they are moved now', { rows: strayRows });
    const done = await maintainPartitions(this.db, {
      aheadDays: AHEAD_DAYS,
      keepDays: this.config.WEBHOOK_RETENTION_DAYS,
    });
    this.logger.info('webhook partitions are maintained', { ...done });
    if (done.keptOpen.length > 0)
      this.logger.warn('old webhook partitions stay: deliveries in them are open', { days: done.keptOpen });
    if (done.postponed.length > 0)
      throw new AppError(
        'database_unavailable',
        `The webhook tables are too busy to be locked; left: ${done.postponed.join(', ')}.`,
      );
    return done;
  }
}
