import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDatabase, type PostgresServer, removePostgres, startPostgres } from '../../scripts/postgres';
import { dataDirectory } from '../../scripts/project';
import { claimStack } from '../../scripts/stack-lock';
import { waitUntil } from '../support/wait-until';
import { isAlive } from './own-servers';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** A durable PostgreSQL of one test alone, with one empty database, which can be killed and comes back as it was. */
export interface OwnPostgres {
  databaseUrl: string;
  /** `kill -9` of the postmaster; its backends end when they notice. */
  kill(): Promise<void>;
  /** Crash recovery on the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnPostgres(name: string): Promise<OwnPostgres> {
  // A folder of this name is cleared by the next test run when this one is killed.
  const folder = join(dataDirectory, 'test-runs', `chaos-${name}-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const lock = await claimStack(folder, say);
  const directory = join(folder, 'postgres');
  const open = (port: number): Promise<PostgresServer> =>
    startPostgres({ directory, port, portMayMove: false, durable: true, say });
  const stop = async (): Promise<void> => {
    await removePostgres(directory);
    lock.release();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const server = await open(0);
    const databaseUrl = server.urlOf('broken_connections');
    await ensureDatabase(databaseUrl);
    return {
      databaseUrl,
      async kill() {
        const [pid] = readFileSync(join(server.directory, 'data/postmaster.pid'), 'utf8').split('\n');
        process.kill(Number(pid), 'SIGKILL');
        await waitUntil(() => !isAlive(Number(pid)), { what: 'the postmaster to be gone' });
      },
      async start() {
        // Refused while a backend of the killed one still holds the shared memory.
        await waitUntil(() => open(server.port), { what: 'PostgreSQL to come back' });
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
