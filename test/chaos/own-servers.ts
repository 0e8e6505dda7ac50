import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { closeDatabase, type Database, openDatabase } from '../../libs/db/database';
import { migrateDatabase } from '../../scripts/migrate';
import { freePort } from '../../scripts/ports';
import { ensureDatabase, removePostgres, startPostgres, type PostgresServer } from '../../scripts/postgres';
import { dataDirectory } from '../../scripts/project';
import { claimStack, type StackLock } from '../../scripts/stack-lock';
import { startTemporal } from '../../scripts/temporal';
import type { TemporalServer } from '../../scripts/temporal-contract';
import { bootstrapTemporal } from '../../temporal/bootstrap';
import { openConnection } from '../../temporal/connection';
import { waitUntil } from '../support/wait-until';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** PostgreSQL and Temporal of one chaos test alone, durable, each of which can be killed and comes back as it was. */
export interface OwnServers {
  databaseUrl: string;
  db: Database;
  temporalAddress: string;
  temporalNamespace: string;
  /** `kill -9` of the product's postmaster; its backends end when they notice. */
  killPostgres(): Promise<void>;
  /** Crash recovery on the same data and port. */
  startPostgres(): Promise<void>;
  killTemporal(): Promise<void>;
  startTemporal(): Promise<void>;
  /** Stops everything and removes its data; also what a half-made start has left. */
  stop(): Promise<void>;
}

/** What an instance's folder must be called so that the next test run clears it when this one is killed. */
const folderOf = (name: string): string => join(dataDirectory, 'test-runs', `chaos-${name}-${process.pid}`);

/**
 * Starts them, whatever `DATABASE_URL` and `TEMPORAL_ADDRESS` say.
 * @param sharedPostgres product and Temporal on one PostgreSQL instead of one each
 */
export async function startOwnServers(poolSize: number, sharedPostgres = false): Promise<OwnServers> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) await step();
  };
  try {
    return await start(poolSize, sharedPostgres, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  poolSize: number,
  sharedPostgres: boolean,
  stops: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<OwnServers> {
  const [product, productLock] = await openInstance('product', stops);
  const [forTemporal] = sharedPostgres ? [product] : await openInstance('temporal', stops);
  const productUrl = product.urlOf('diettracker');
  await ensureDatabase(productUrl);
  await migrateDatabase(productUrl);
  const db = openDatabase(productUrl, poolSize, 'chaos-test');
  stops.push(() => closeDatabase(db));

  const grpcPort = await freePort();
  const temporalNamespace = 'chaos';
  const folder = folderOf('product');
  let temporal: TemporalServer;
  const openTemporal = async (): Promise<void> => {
    temporal = await startTemporal({
      databaseUrl: forTemporal.urlOf('postgres'),
      databaseSuffix: '',
      grpcPort,
      uiPort: null,
      namespace: temporalNamespace,
      workDirectory: join(folder, 'temporal'),
      logDirectory: join(folder, 'logs'),
      env: { ...process.env, TEMPORAL_ADDRESS: undefined },
      say,
    });
    for (const child of temporal.processes) productLock.add(child);
    // It answers long before its parts have found each other.
    const connection = openConnection({
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporalNamespace,
    });
    try {
      await bootstrapTemporal(connection, temporalNamespace);
    } finally {
      await connection.close();
    }
  };
  stops.push(() => temporal?.stop() ?? Promise.resolve());
  await openTemporal();

  return {
    databaseUrl: productUrl,
    db,
    temporalAddress: `127.0.0.1:${grpcPort}`,
    temporalNamespace,
    async killPostgres() {
      const [pid] = readFileSync(join(product.directory, 'data/postmaster.pid'), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await waitUntil(() => !isAlive(Number(pid)), { what: 'the postmaster to be gone' });
    },
    async startPostgres() {
      // Refused while a backend of the killed one still holds the shared memory.
      await waitUntil(() => openPostgres('product', product.port), { what: 'PostgreSQL to come back' });
    },
    async killTemporal() {
      await Promise.all(temporal.processes.map((child) => child.kill()));
    },
    startTemporal: openTemporal,
    stop,
  };
}

async function openInstance(
  name: string,
  stops: (() => Promise<void>)[],
): Promise<[PostgresServer, StackLock]> {
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  const lock = await claimStack(folder, say);
  stops.push(async () => {
    await removePostgres(join(folder, 'postgres'));
    lock.release();
    rmSync(folder, { recursive: true, force: true });
  });
  return [await openPostgres(name, 0), lock];
}

const openPostgres = (name: string, port: number): Promise<PostgresServer> =>
  startPostgres({
    directory: join(folderOf(name), 'postgres'),
    port,
    portMayMove: false,
    durable: true,
    say,
  });

/** Does the process, a child of ours or not, exist? */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
