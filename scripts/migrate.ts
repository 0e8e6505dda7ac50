import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { sayOnStdout } from './project';

/** Beside the sources, and copied beside the compiled code by the build. */
const MIGRATIONS_FOLDER = join(__dirname, '../libs/db/migrations');

/** Any number, the same in every process: one migrates, the others wait and find nothing to do. */
const MIGRATION_LOCK = 7_240_991;

/** "The server is starting up", "too many connections", and refused or reset connections: worth another try. */
const NOT_YET = new Set(['57P03', '53300', 'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN']);

const isNotYet = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NOT_YET.has(String(error.code));

/**
 * Brings the database to the newest schema. Waits up to `waitMs` for a server that is still starting; safe to call
 * from several processes at once.
 * @throws the driver's error
 */
export async function migrateDatabase(url: string, waitMs = 30_000): Promise<void> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const client = postgres(url, { max: 1, onnotice: () => undefined, connect_timeout: 10 });
    try {
      await client`SELECT pg_advisory_lock(${MIGRATION_LOCK})`;
      return await migrate(drizzle(client), { migrationsFolder: MIGRATIONS_FOLDER });
    } catch (error) {
      if (!isNotYet(error) || Date.now() > deadline) throw error;
    } finally {
      await client.end({ timeout: 5 });
    }
    await sleep(500);
  }
}

async function main(): Promise<void> {
  const url = process.env['DATABASE_URL'];
  if (!url) throw new Error('DATABASE_URL is not set');
  await migrateDatabase(url);
  sayOnStdout('The database has the newest schema.');
}

if (require.main === module) {
  main().catch((error: unknown) => {
    process.stderr.write(`Migration failed: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });
}
