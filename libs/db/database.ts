import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';

export type Database = PostgresJsDatabase & { $client: postgres.Sql };
/** A transaction, or the database itself where no transaction is needed. */
export type Executor = Pick<Database, 'select' | 'insert' | 'update' | 'delete' | 'execute'>;

/** One pool per process. `applicationName` shows in pg_stat_activity. */
export function openDatabase(url: string, poolSize: number, applicationName: string): Database {
  const client = postgres(url, {
    max: poolSize,
    idle_timeout: 60,
    connection: { application_name: applicationName },
    onnotice: () => undefined,
  });
  return drizzle(client);
}

export const closeDatabase = (db: Database): Promise<void> => db.$client.end({ timeout: 5 });
