import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dropDatabase } from '../../scripts/fresh-start';
import { migrateDatabase } from '../../scripts/migrate';
import { freePort } from '../../scripts/ports';
import { ensureDatabase, removePostgres, startPostgres } from '../../scripts/postgres';
import { dataDirectory, projectRoot, type Say, SetupError } from '../../scripts/project';
import { claimStack, type StackLock } from '../../scripts/stack-lock';
import { startTemporal } from '../../scripts/temporal';
import { publishServers } from './servers';

const TEMPLATE = 'dt_template';
const RUNS = join(dataDirectory, 'test-runs');

const say: Say = (line) => {
  process.stderr.write(`${line}\n`);
};

const stops: (() => Promise<void>)[] = [];

/** Stops what `startTestRun` started and removes its data. */
export async function stopTestRun(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

/**
 * Builds, then starts a PostgreSQL 18 and a real Temporal server of this run's own (folder, ports), so that several
 * runs in one checkout do not meet, and migrates the template database. `TEST_DATABASE_URL` names a PostgreSQL to use
 * instead, as a user who may create databases.
 */
export async function startTestRun(): Promise<void> {
  build();
  const startedAt = Date.now();
  await removeDeadRuns();
  const folder = join(RUNS, `${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const lock = await claimStack(folder, say);
  stops.push(() => {
    lock.release();
    rmSync(folder, { recursive: true, force: true });
    return Promise.resolve();
  });
  try {
    const postgresUrl = await startTestPostgres(folder);
    const temporalAddress = await startTestTemporal(folder, postgresUrl, lock);
    publishServers({ postgresUrl, templateDatabase: templateName(), temporalAddress });
  } catch (error) {
    await stopTestRun();
    throw error;
  }
  say(`Test servers are up after ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
}

const templateName = (): string => `${TEMPLATE}_${process.pid}`;

/** The suites start api, worker and sandbox from dist/ and load the workflow bundle: both must be of this source. */
function build(): void {
  try {
    execFileSync(process.execPath, ['scripts/build.mjs'], {
      cwd: projectRoot,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  } catch {
    throw new SetupError('The build failed: see above, or run `npm run build`');
  }
}

/** A run that was killed leaves its servers and data; both go. */
async function removeDeadRuns(): Promise<void> {
  if (!existsSync(RUNS)) return;
  for (const name of readdirSync(RUNS)) {
    const folder = join(RUNS, name);
    try {
      (await claimStack(folder, say)).release();
    } catch (error) {
      if (error instanceof SetupError) continue;
      throw error;
    }
    await removePostgres(join(folder, 'postgres'));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function startTestPostgres(folder: string): Promise<string> {
  const given = process.env['TEST_DATABASE_URL'];
  const own = given
    ? null
    : await startPostgres({
        directory: join(folder, 'postgres'),
        port: 0,
        portMayMove: true,
        durable: false,
        say,
      });
  if (own) stops.push(() => removePostgres(join(folder, 'postgres')));
  const server = new URL(given ?? own?.urlOf('postgres') ?? '');
  server.pathname = '/postgres';
  const template = new URL(server);
  template.pathname = `/${templateName()}`;
  if (!own) stops.push(() => dropDatabase(template.href));
  await dropDatabase(template.href);
  await ensureDatabase(template.href);
  await migrateDatabase(template.href);
  return server.href;
}

async function startTestTemporal(folder: string, postgresUrl: string, lock: StackLock): Promise<string> {
  const suffix = `_test_${process.pid}`;
  const temporal = await startTemporal({
    databaseUrl: postgresUrl,
    databaseSuffix: suffix,
    grpcPort: await freePort(),
    uiPort: null,
    namespace: 'default',
    workDirectory: join(folder, 'temporal'),
    logDirectory: join(folder, 'logs'),
    env: process.env,
    say,
  });
  for (const child of temporal.processes) lock.add(child);
  if (process.env['TEST_DATABASE_URL'] && temporal.kind === 'native')
    stops.push(async () => {
      for (const name of [`temporal${suffix}`, `temporal_visibility${suffix}`]) {
        const database = new URL(postgresUrl);
        database.pathname = `/${name}`;
        await dropDatabase(database.href);
      }
    });
  stops.push(() => temporal.stop());
  return temporal.address;
}
