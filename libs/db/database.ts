import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { SQL } from 'drizzle-orm';
import postgres from 'postgres';

export type Database = PostgresJsDatabase & { $client: postgres.Sql };
/** A transaction, or the database itself where no transaction is needed. */
export type Executor = Pick<Database, 'select' | 'insert' | 'update' | 'delete' | 'execute'>;

/**
 * One pool per process. `applicationName` shows in pg_stat_activity; `planner` are PostgreSQL settings of its connections.
 * After a restart of PostgreSQL every connection tries again at once: the driver's own pauses grow with each connection of
 * the pool that broke, up to 20 s.
 */
export function openDatabase(
  url: string,
  poolSize: number,
  applicationName: string,
  planner: Readonly<Record<string, string>> = {},
): Database {
  const client = postgres(url, {
    max: poolSize,
    idle_timeout: 60,
    backoff: () => 0.1 + Math.random() * 0.2,
    connection: { application_name: applicationName, ...planner },
    onnotice: () => undefined,
  });
  return drizzle(client);
}

export const closeDatabase = (db: Database): Promise<void> => db.$client.end({ timeout: 5 });

/** What drizzle's `execute` does inside, which its types hide. */
interface PreparingExecutor {
  dialect: { sqlToQuery(query: SQL): unknown };
  session: {
    prepareQuery(
      query: unknown,
      fields: undefined,
      name: string,
      arrayMode: false,
    ): { execute(): Promise<unknown> };
  };
}

/**
 * As `execute`, as a prepared statement of the connection: drizzle's own `execute` has PostgreSQL parse and plan the text
 * every time, which costs the hot statements of the outbox and the dispatcher more than running them. For statements
 * whose text does not vary.
 */
export async function executePrepared<T extends Record<string, unknown>>(
  executor: Executor,
  query: SQL,
): Promise<T[]> {
  const { dialect, session } = executor as unknown as PreparingExecutor;
  const prepared = session.prepareQuery(dialect.sqlToQuery(query), undefined, 'prepared', false);
  return (await prepared.execute()) as T[];
}
