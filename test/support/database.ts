import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { closeDatabase, type Database, openDatabase } from '../../libs/db/database';
import { dropDatabase } from '../../scripts/fresh-start';
import { testServers } from './servers';

export interface TestDatabase {
  url: string;
  db: Database;
  /** Closes the pool and drops the database, whoever else is still connected. */
  drop(): Promise<void>;
}

/** A database of the newest schema for one test file, copied from the run's template in about 50 ms. */
export async function createTestDatabase(poolSize = 5): Promise<TestDatabase> {
  const { postgresUrl, templateDatabase } = testServers();
  const name = `dt_${randomBytes(6).toString('hex')}`;
  const server = postgres(postgresUrl, { max: 1, onnotice: () => undefined });
  try {
    await server`CREATE DATABASE ${server(name)} TEMPLATE ${server(templateDatabase)}`;
  } finally {
    await server.end();
  }
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  const db = openDatabase(url.href, poolSize, 'test');
  return {
    url: url.href,
    db,
    async drop() {
      await closeDatabase(db);
      await dropDatabase(url.href);
    },
  };
}
