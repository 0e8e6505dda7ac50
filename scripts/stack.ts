import { mkdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bootstrapTemporal } from '../temporal/bootstrap';
import { openClient, openConnection } from '../temporal/connection';
import { clearNamespace, dropDatabase } from './fresh-start';
import type { ManagedProcess } from './managed-process';
import { migrateDatabase } from './migrate';
import { choosePort } from './ports';
import { ensureDatabase, startPostgres } from './postgres';
import { dataDirectory, type Say, sayOnStdout, STACK_ENV_FILE } from './project';
import { APPS, type AppName, startApp } from './stack-apps';
import { type StackAddresses, stackEnvironment } from './stack-env';
import { claimStack } from './stack-lock';
import { StackParts, stopOnSignals } from './stack-parts';
import { startTemporal } from './temporal';

export interface StackOptions {
  /** Name of a product database that is dropped and made anew, with a Temporal namespace to match. */
  freshDatabase?: string;
  /** False: the worker stays down until `startWorker`. */
  worker?: boolean;
  /** Settings for the apps; they win over the environment of this process. */
  env?: Readonly<Record<string, string>>;
  say?: Say;
}

export interface Stack {
  /** Base URLs without a slash at the end. */
  urls: { api: string; worker: string; sandbox: string; temporalUi: string };
  /** The environment the apps run with: `DATABASE_URL`, `TEMPORAL_ADDRESS`, `ENCRYPTION_KEYS`, … */
  env: NodeJS.ProcessEnv;
  /** Settles with what happened when a part ends that nobody stopped. */
  failed: Promise<string>;
  stop(): Promise<void>;
  /** SIGKILL: what a crash or a lost machine looks like to the rest. */
  killWorker(): Promise<void>;
  /** Starts the worker again and waits until it is ready. */
  startWorker(): Promise<void>;
}

const DATABASE = 'diettracker';

/**
 * Starts PostgreSQL, Temporal, sandbox, api and worker from `dist/`, each ready before this returns. Ctrl-C and SIGTERM
 * stop everything in order; what a SIGKILL leaves behind is stopped by the next start.
 * @throws SetupError saying what to do
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const say = options.say ?? sayOnStdout;
  const own: NodeJS.ProcessEnv = { ...process.env, ...options.env };
  const lock = await claimStack(dataDirectory, say);
  const parts = new StackParts(lock);
  const unhook = stopOnSignals(() => parts.stop(), say);
  try {
    return await assemble(parts, own, options, say, unhook);
  } catch (error) {
    unhook();
    await parts.stop();
    throw error;
  }
}

async function assemble(
  parts: StackParts,
  own: NodeJS.ProcessEnv,
  options: StackOptions,
  say: Say,
  unhook: () => void,
): Promise<Stack> {
  const logDirectory = join(dataDirectory, 'logs');
  mkdirSync(logDirectory, { recursive: true });
  const port = (app: AppName) => choosePort(app, APPS[app].portVariable, APPS[app].customaryPort, own, say);
  const addresses = {
    ...(await startServers(parts, own, options, logDirectory, say)),
    apiPort: await port('api'),
    workerPort: await port('worker'),
    sandboxPort: await port('sandbox'),
  };
  const env = stackEnvironment(addresses, join(dataDirectory, 'dev-keys'), own);
  parts.onStop(publishEnvironment(env));
  const apps = new Map<AppName, ManagedProcess>();
  const start = async (name: AppName) => {
    await startApp(name, env, logDirectory, (child) => {
      parts.add(child);
      apps.set(name, child);
    });
  };
  parts.onStop(async () => {
    await Promise.all([...apps.values()].map((child) => child.stop(45_000)));
  });
  await Promise.all([start('sandbox'), start('api'), ...(options.worker === false ? [] : [start('worker')])]);
  const url = (app: AppName) => `http://127.0.0.1:${env[APPS[app].portVariable]}`;
  return {
    urls: {
      api: url('api'),
      worker: url('worker'),
      sandbox: url('sandbox'),
      temporalUi: addresses.temporalUiUrl ?? 'not known; set TEMPORAL_UI_URL',
    },
    env,
    failed: parts.failed,
    async stop() {
      unhook();
      await parts.stop();
    },
    async killWorker() {
      const worker = apps.get('worker');
      if (!worker) return;
      parts.expectEndOf(worker);
      await worker.kill();
    },
    startWorker: () => start('worker'),
  };
}

/** Tells commands in another terminal (`npm run cli`) where this stack's servers are; returns how to take it back. */
function publishEnvironment(env: NodeJS.ProcessEnv): () => Promise<void> {
  const names = ['DATABASE_URL', 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE'];
  const lines = names.map((name) => `${name}=${env[name] ?? ''}\n`);
  writeFileSync(STACK_ENV_FILE, lines.join(''), { mode: 0o600 });
  return () => rm(STACK_ENV_FILE, { force: true });
}

async function startServers(
  parts: StackParts,
  own: NodeJS.ProcessEnv,
  options: StackOptions,
  logDirectory: string,
  say: Say,
): Promise<Pick<StackAddresses, 'databaseUrl' | 'temporalAddress' | 'temporalNamespace' | 'temporalUiUrl'>> {
  const databaseUrl = await startDatabase(parts, own, options.freshDatabase, say);
  const temporalNamespace =
    own['TEMPORAL_NAMESPACE'] || (options.freshDatabase ?? DATABASE).replaceAll('_', '-');
  const isGiven = Boolean(own['TEMPORAL_ADDRESS']);
  const temporal = await startTemporal({
    databaseUrl,
    databaseSuffix: '',
    grpcPort: isGiven ? 0 : await choosePort('Temporal', 'TEMPORAL_GRPC_PORT', 7233, own, say),
    uiPort: isGiven ? null : await choosePort('Temporal UI', 'TEMPORAL_UI_PORT', 8233, own, say),
    namespace: temporalNamespace,
    workDirectory: join(dataDirectory, 'temporal'),
    logDirectory,
    env: own,
    say,
  });
  for (const child of temporal.processes) parts.add(child);
  parts.onStop(() => temporal.stop());
  const target = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporalNamespace };
  const connection = openConnection(target);
  try {
    await bootstrapTemporal(connection, temporalNamespace);
    if (options.freshDatabase !== undefined) await clearNamespace(openClient(connection, target));
  } finally {
    await connection.close();
  }
  return { databaseUrl, temporalAddress: temporal.address, temporalNamespace, temporalUiUrl: temporal.uiUrl };
}

async function startDatabase(
  parts: StackParts,
  own: NodeJS.ProcessEnv,
  freshDatabase: string | undefined,
  say: Say,
): Promise<string> {
  let url = own['DATABASE_URL'] ?? '';
  if (url === '') {
    const asked = own['POSTGRES_PORT'];
    const server = await startPostgres({
      directory: join(dataDirectory, 'postgres'),
      port: Number(asked || 5433),
      portMayMove: !asked,
      durable: true,
      say,
    });
    parts.onStop(() => server.stop());
    say(`PostgreSQL: embedded 18 on 127.0.0.1:${server.port}, data in ${server.directory}`);
    url = server.urlOf(DATABASE);
  } else say('PostgreSQL: the one DATABASE_URL names');
  if (freshDatabase !== undefined) return createFreshDatabase({ DATABASE_URL: url }, freshDatabase);
  await ensureDatabase(url);
  await migrateDatabase(url);
  return url;
}

/** Drops the database `name` of the server in `DATABASE_URL` and makes it anew with the newest schema; returns its URL. */
export async function createFreshDatabase(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): Promise<string> {
  const fresh = new URL(env['DATABASE_URL'] ?? '');
  fresh.pathname = `/${name}`;
  await dropDatabase(fresh.href);
  await ensureDatabase(fresh.href);
  await migrateDatabase(fresh.href);
  return fresh.href;
}
