import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';

const run = promisify(execFile);

export interface TemporalDatabases {
  /** URL of any database of the server that shall hold Temporal's two databases. */
  serverUrl: string;
  /** Name of the persistence database. */
  main: string;
  /** Name of the visibility database. */
  visibility: string;
}

/** The parts of a PostgreSQL URL in the terms of Temporal's programs. */
export function connectionOf(url: string): {
  host: string;
  port: string;
  user: string;
  password: string;
  tls: boolean;
} {
  const { hostname, port, username, password, searchParams } = new URL(url);
  return {
    host: hostname,
    port: port || '5432',
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    tls: ['require', 'verify-ca', 'verify-full'].includes(searchParams.get('sslmode') ?? ''),
  };
}

/**
 * Creates Temporal's databases where they are missing and brings their schema to the version of the server.
 * @throws the tool's error with its output, e.g. when the user may not create databases
 */
export async function prepareSchema(binFolder: string, databases: TemporalDatabases): Promise<void> {
  const { host, port, user, password, tls } = connectionOf(databases.serverUrl);
  const env = {
    PATH: process.env['PATH'],
    SQL_PLUGIN: 'postgres12_pgx',
    SQL_HOST: host,
    SQL_PORT: port,
    SQL_USER: user,
    SQL_PASSWORD: password,
    SQL_TLS: String(tls),
  };
  const tool = async (database: string, ...args: string[]) => {
    try {
      await run(join(binFolder, 'temporal-sql'), ['--db', database, ...args], { env });
    } catch (error) {
      const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
      throw new Error(`temporal-sql ${args.join(' ')} failed for ${database}: ${output.slice(-1_000)}`, {
        cause: error,
      });
    }
  };
  const prepare = async (database: string, schema: string) => {
    if (!(await exists(databases.serverUrl, database))) await tool(database, 'create');
    // On a database that has a version this would reset it.
    if (!(await hasVersion(databases.serverUrl, database))) await tool(database, 'setup-schema', '-v', '0.0');
    await tool(database, 'update-schema', '--schema-name', `postgresql/v12/${schema}`);
  };
  await Promise.all([prepare(databases.main, 'temporal'), prepare(databases.visibility, 'visibility')]);
}

async function withDatabase<T>(
  serverUrl: string,
  database: string | null,
  use: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const url = new URL(serverUrl);
  if (database !== null) url.pathname = `/${database}`;
  const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}

const exists = (serverUrl: string, database: string): Promise<boolean> =>
  withDatabase(serverUrl, null, async (sql) => {
    const rows = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`;
    return rows.length > 0;
  });

const hasVersion = (serverUrl: string, database: string): Promise<boolean> =>
  withDatabase(serverUrl, database, async (sql) => {
    const [row] = await sql<{ found: boolean }[]>`SELECT to_regclass('schema_version') IS NOT NULL AS found`;
    return row?.found ?? false;
  });

/**
 * Forgets the hosts of an earlier server on this database. A killed one stays registered, and the next would spend up to
 * half a minute trying to reach it. Only right because a native server is the only one of its cluster.
 */
export const forgetMembers = ({ serverUrl, main }: TemporalDatabases): Promise<void> =>
  withDatabase(serverUrl, main, async (sql) => {
    await sql`DELETE FROM cluster_membership`;
  });
