import type { Client, Connection } from '@temporalio/client';
import { Registry } from 'prom-client';
import type { Config } from '../../libs/config/config';
import { loadRuntimes, type ProviderRuntime } from '../../libs/connectors/runtime';
import type { ProviderId } from '../../libs/core/providers';
import { Sealer } from '../../libs/crypto/sealer';
import { closeDatabase, openDatabase, type Database } from '../../libs/db/database';
import { Logger } from '../../libs/telemetry/logger';
import { openClient, openConnection } from '../../temporal/connection';

/** What the API works with. Tests and scripts may replace any part. */
export interface Resources {
  config: Config;
  logger: Logger;
  db: Database;
  connection: Connection;
  temporal: Client;
  runtimes: ReadonlyMap<ProviderId, ProviderRuntime>;
  sealer: Sealer;
  metrics: Registry;
}

/**
 * Makes the API's resources from its configuration. Nothing connects before its first use, so the API starts, and
 * says what is missing, while PostgreSQL or Temporal is down.
 *
 * @param env where the provider settings are read; default: the process environment
 */
export function openResources(config: Config, env?: Readonly<Record<string, string | undefined>>): Resources {
  const connection = openConnection(config);
  return {
    config,
    logger: new Logger('api', config.LOG_LEVEL),
    db: openDatabase(config.DATABASE_URL, config.DATABASE_POOL_SIZE, 'diettracker-api'),
    connection,
    temporal: openClient(connection, config),
    runtimes: loadRuntimes(env),
    sealer: new Sealer(config.ENCRYPTION_KEYS),
    metrics: new Registry(),
  };
}

export async function closeResources(resources: Resources): Promise<void> {
  await Promise.all([closeDatabase(resources.db), resources.connection.close()]);
}
