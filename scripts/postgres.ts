import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { freePort, isPortFree } from './ports';
import { tailOf } from './managed-process';
import { makeOwnFolder, type PostgresHome, postgresHome } from './postgres-binaries';
import { type Say, SetupError } from './project';

const run = promisify(execFile);

const SUPERUSER = 'postgres';

/** A locale of PostgreSQL itself: the result does not depend on what the machine has installed. */
const INITDB_FLAGS = [
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
  '--lc-messages=C',
];

export interface PostgresOptions {
  /** Folder of this instance; data, password and log stand in it. */
  directory: string;
  /** 0 takes a free port. */
  port: number;
  /** The port gives way to a free one when somebody else has it. */
  portMayMove: boolean;
  /** False trades crash safety for speed: tests only. */
  durable: boolean;
  say: Say;
}

export interface PostgresServer {
  /** URL of a database of this server, as superuser. */
  urlOf(database: string): string;
  port: number;
  /** Where its data really is: not always `options.directory`. */
  directory: string;
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL 18, or takes over the instance that still runs on this folder because the process
 * that started it was killed. A lock file of a dead process does not hinder: `pg_ctl` and `postgres` check it.
 * @throws SetupError when it does not start
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const home = postgresHome(options.directory);
  const data = join(home.base, 'data');
  const logFile = join(home.base, 'postgres.log');
  makeOwnFolder(home.base, home.runAs);
  const password = await ensureCluster(home, data);
  const port = (await runningPort(home, data)) ?? (await start(home, data, logFile, options));
  return {
    port,
    directory: home.base,
    urlOf: (database) => `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`,
    stop: () => stopPostgres(home, data),
  };
}

const pgCtl = (home: PostgresHome, args: string[]) =>
  run(join(home.bin, 'pg_ctl'), args, { ...home.runAs, cwd: home.base });

/** Makes the cluster once; an initdb that was interrupted starts over. */
async function ensureCluster(home: PostgresHome, data: string): Promise<string> {
  const passwordFile = join(home.base, 'password');
  const done = join(home.base, 'initialised');
  if (existsSync(done)) return readFileSync(passwordFile, 'utf8').trim();
  rmSync(data, { recursive: true, force: true });
  const password = randomBytes(18).toString('base64url');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (home.runAs) chownSync(passwordFile, home.runAs.uid, home.runAs.gid);
  const auth = ['--auth=scram-sha-256', `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`];
  try {
    await run(join(home.bin, 'initdb'), [`--pgdata=${data}`, ...auth, '--no-sync', ...INITDB_FLAGS], {
      ...home.runAs,
      cwd: home.base,
    });
  } catch (error) {
    throw new SetupError(`initdb failed: ${String(error)}`);
  }
  writeFileSync(done, '');
  return password;
}

/** The port of the instance that runs on this data folder, from its lock file (PostgreSQL: storage-file-layout). */
async function runningPort(home: PostgresHome, data: string): Promise<number | null> {
  try {
    await pgCtl(home, ['status', '-D', data]);
  } catch {
    return null;
  }
  const [, , , port] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n');
  return Number(port);
}

async function start(home: PostgresHome, data: string, logFile: string, options: PostgresOptions) {
  const { port, note } = await portFor(options);
  if (note) options.say(note);
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    shared_buffers: '256MB',
    log_min_messages: 'warning',
    ...(options.durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}='${value}'`);
  try {
    await pgCtl(home, ['start', '-w', '-t', '60', '-D', data, '-l', logFile, '-o', flags.join(' ')]);
  } catch {
    throw new SetupError(`PostgreSQL did not start on port ${port}. End of ${logFile}:\n${tailOf(logFile)}`);
  }
  return port;
}

async function portFor({ port, portMayMove }: PostgresOptions): Promise<{ port: number; note?: string }> {
  if (port === 0) return { port: await freePort() };
  if (await isPortFree(port)) return { port };
  if (!portMayMove)
    throw new SetupError(`PostgreSQL: port ${port} of 127.0.0.1 is in use; set POSTGRES_PORT`);
  const other = await freePort();
  return {
    port: other,
    note: `PostgreSQL: port ${port} is in use, taking ${other} (set POSTGRES_PORT to choose)`,
  };
}

async function stopPostgres(home: PostgresHome, data: string): Promise<void> {
  if ((await runningPort(home, data)) === null) return;
  try {
    await pgCtl(home, ['stop', '-D', data, '-m', 'fast', '-w', '-t', '30']);
  } catch {
    await pgCtl(home, ['stop', '-D', data, '-m', 'immediate', '-w', '-t', '30']);
  }
}

/** Stops the instance of this folder, if it runs, and removes its data. */
export async function removePostgres(directory: string): Promise<void> {
  const home = postgresHome(directory);
  if (existsSync(home.base)) await stopPostgres(home, join(home.base, 'data'));
  rmSync(home.base, { recursive: true, force: true });
}

const UNKNOWN_DATABASE = '3D000';
const DUPLICATE_DATABASE = '42P04';

const isSqlState = (error: unknown, state: string): boolean =>
  error instanceof postgres.PostgresError && error.code === state;

async function query(url: string, statement: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connect_timeout: 10 });
  try {
    await sql.unsafe(statement);
  } finally {
    await sql.end();
  }
}

/** Makes the database of the URL where it is missing, as the URL's user. @throws the driver's error */
export async function ensureDatabase(url: string): Promise<void> {
  try {
    await query(url, 'SELECT 1');
  } catch (error) {
    if (!isSqlState(error, UNKNOWN_DATABASE)) throw error;
    const server = new URL(url);
    const name = server.pathname.slice(1);
    server.pathname = '/postgres';
    try {
      await query(server.href, `CREATE DATABASE "${name.replaceAll('"', '""')}"`);
    } catch (duplicate) {
      if (!isSqlState(duplicate, DUPLICATE_DATABASE)) throw duplicate;
    }
  }
}
