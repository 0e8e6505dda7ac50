import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess, tailOf } from './managed-process';
import { processIdentity } from './process-identity';
import { projectRoot, type Say, SetupError } from './project';

/** A Go module of `tool` lines and no code; its hash is the key of the cache. */
const MODULE = join(projectRoot, 'temporal/server');

const PROGRAMS = {
  'temporal-server': 'go.temporal.io/server/cmd/server',
  'temporal-sql': 'go.temporal.io/server/cmd/tools/sql',
  'temporal-ui': 'github.com/temporalio/ui-server/v2/cmd/server',
} as const;

const PROGRESS_EVERY_MS = 15_000;

const cacheRoot = (): string =>
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'diettracker', 'temporal');

/** The folder the programs of this go.mod belong to: `<cache>/diettracker/temporal/<sha256 of go.mod + go.sum>`. */
export function nativeBuildFolder(): string {
  const hash = createHash('sha256');
  for (const name of ['go.mod', 'go.sum']) hash.update(readFileSync(join(MODULE, name)));
  return join(cacheRoot(), hash.digest('hex'));
}

/** The finished build, if there is one: a folder with `temporal-server`, `temporal-sql` and `temporal-ui`. */
export function cachedNativeBuild(): string | null {
  const folder = nativeBuildFolder();
  return Object.keys(PROGRAMS).every((name) => existsSync(join(folder, name))) ? folder : null;
}

/**
 * Builds the server, its schema tool and the UI into the cache; minutes the first time, with progress.
 * One process builds, the others wait for it.
 * @throws SetupError when Go is missing or the build fails
 */
export async function buildNative(say: Say): Promise<string> {
  const folder = nativeBuildFolder();
  const go = findGo();
  mkdirSync(cacheRoot(), { recursive: true });
  const lock = `${folder}.lock`;
  await takeLock(lock, say);
  try {
    const finished = cachedNativeBuild();
    if (finished) return finished;
    const partial = `${folder}.partial-${process.pid}`;
    rmSync(partial, { recursive: true, force: true });
    mkdirSync(partial);
    say(
      `Building the Temporal server from temporal/server/go.mod (about 7 CPU minutes, once; kept in ${folder})`,
    );
    for (const [name, path] of Object.entries(PROGRAMS)) await buildOne(go, name, path, partial, say);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
    return folder;
  } finally {
    rmSync(lock, { force: true });
  }
}

function findGo(): string {
  for (const go of ['go', '/usr/local/go/bin/go', '/opt/homebrew/bin/go']) {
    try {
      const version = execFileSync(go, ['env', 'GOVERSION'], {
        env: { ...process.env, GOTOOLCHAIN: 'local' },
        stdio: 'pipe',
      }).toString();
      const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
      if (Number(major) > 1 || Number(minor) >= 21) return go;
    } catch {
      continue;
    }
  }
  throw new SetupError(
    'A Temporal server is needed and none was found. Any one of these gives it:\n' +
      '  - install the Temporal CLI 1.9.1 or later (https://docs.temporal.io/cli), so that `temporal` is on PATH\n' +
      '  - install Go 1.21 or later (https://go.dev/dl): the server is then built once, in minutes\n' +
      '  - set TEMPORAL_ADDRESS to a running Temporal server 1.32 or later',
  );
}

/** Waits while a live process holds the lock; the lock of a dead one is taken over. */
async function takeLock(lock: string, say: Say): Promise<void> {
  let told = false;
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid} ${processIdentity(process.pid)}`, { flag: 'wx' });
      return;
    } catch {
      const [pid, identity] = (existsSync(lock) ? readFileSync(lock, 'utf8') : '').split(' ');
      if (pid && identity && processIdentity(Number(pid)) !== identity) rmSync(lock, { force: true });
      else if (!told) say(`Waiting for process ${pid}, which builds the Temporal server`);
      told = true;
    }
    await sleep(1_000);
  }
}

async function buildOne(go: string, name: string, path: string, into: string, say: Say): Promise<void> {
  const startedAt = Date.now();
  const elapsed = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  const child = startProcess({
    name: `go build of ${name}`,
    command: go,
    args: ['build', '-trimpath', '-ldflags=-s -w', '-o', join(into, name), path],
    cwd: MODULE,
    env: { ...process.env, GOTOOLCHAIN: 'auto', CGO_ENABLED: '0', GOFLAGS: '', GOWORK: 'off' },
    logFile: join(into, `${name}.log`),
  });
  say(`  ${name}: building`);
  const ticker = setInterval(() => say(`  ${name}: still building after ${elapsed()}`), PROGRESS_EVERY_MS);
  const how = await child.exited.finally(() => clearInterval(ticker));
  if (how !== 'exited with 0')
    throw new SetupError(
      `Building ${name} failed (go build ${how}). The Go module proxy must be reachable; or set TEMPORAL_ADDRESS or ` +
        `TEMPORAL_CLI_PATH.\n${tailOf(child.logFile)}`,
    );
  say(`  ${name}: built in ${elapsed()}`);
}
