import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { SEARCH_ATTRIBUTES } from '../libs/core/search-attributes';
import { startProcess } from './managed-process';
import { projectRoot, SetupError } from './project';
import { untilReady } from './readiness';
import type { TemporalOptions, TemporalServer } from './temporal-contract';
import { answersGrpc } from './temporal-probe';

/** The first CLI whose `start-dev` is a 1.32 server. */
export const LEAST_CLI_VERSION = '1.9.1';

const SEARCH_ATTRIBUTE_TYPE = { KEYWORD: 'Keyword' } as const;

export interface TemporalCli {
  path: string;
  version: string;
}

/** Reads `temporal version 1.9.1 (Server 1.32.0, UI 2.55.0)`. */
export const cliVersionOf = (output: string): string | null =>
  /version v?(\d+\.\d+\.\d+)/.exec(output)?.[1] ?? null;

/** Compares dotted numbers, not text: 1.10.0 is newer than 1.9.1. */
export function isAtLeast(version: string, least: string): boolean {
  const wanted = least.split('.').map(Number);
  const given = version.split('.').map(Number);
  for (const [i, want] of wanted.entries()) {
    const have = given[i] ?? 0;
    if (have !== want) return have > want;
  }
  return true;
}

function cliAt(path: string): TemporalCli | null {
  try {
    const output = execFileSync(path, ['--version'], { stdio: 'pipe', timeout: 10_000 }).toString();
    const version = cliVersionOf(output);
    return version === null ? null : { path, version };
  } catch {
    return null;
  }
}

/**
 * A Temporal CLI that can run the server: the one `TEMPORAL_CLI_PATH` names, else `temporal` on PATH.
 * @throws SetupError when the named one cannot be used
 */
export function findCli(env: NodeJS.ProcessEnv): TemporalCli | null {
  const named = env['TEMPORAL_CLI_PATH'];
  const cli = cliAt(named || 'temporal');
  if (cli && isAtLeast(cli.version, LEAST_CLI_VERSION)) return cli;
  if (!named) return null;
  throw new SetupError(
    `TEMPORAL_CLI_PATH=${named} ${cli ? `is version ${cli.version}` : 'does not run'}: ${LEAST_CLI_VERSION} or later is needed`,
  );
}

/** `--dynamic-config-value key=JSON` for each unconditional value of temporal/dynamic-config.yaml. */
function dynamicConfigFlags(): string[] {
  const file = readFileSync(join(projectRoot, 'temporal/dynamic-config.yaml'), 'utf8');
  const settings = parse(file) as Record<string, { value: unknown }[]>;
  return Object.entries(settings).flatMap(([key, values]) =>
    values.flatMap(({ value }) => ['--dynamic-config-value', `${key}=${JSON.stringify(value)}`]),
  );
}

/**
 * Runs `temporal server start-dev`: the real server with UI in one program, on SQLite. The file's name carries the
 * CLI's version because an older file is not migrated.
 * @throws SetupError with the end of the log when it does not become ready
 */
export async function startCli(cli: TemporalCli, options: TemporalOptions): Promise<TemporalServer> {
  const uiFlags = options.uiPort === null ? ['--headless'] : ['--ui-port', String(options.uiPort)];
  const server = startProcess({
    name: 'temporal',
    command: cli.path,
    args: [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(options.grpcPort)],
      ...uiFlags,
      '--ui-disable-news-fetch',
      ...['--namespace', options.namespace],
      ...[
        '--db-filename',
        join(options.workDirectory, `temporal-${cli.version}${options.databaseSuffix}.db`),
      ],
      ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
      ...['--log-level', 'warn'],
      ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => [
        '--search-attribute',
        `${name}=${SEARCH_ATTRIBUTE_TYPE[type]}`,
      ]),
      ...dynamicConfigFlags(),
    ],
    env: process.env,
    cwd: options.workDirectory,
    logFile: join(options.logDirectory, 'temporal.log'),
  });
  try {
    await untilReady(server, () => answersGrpc(`127.0.0.1:${options.grpcPort}`), 60_000);
  } catch (error) {
    await server.kill();
    throw error;
  }
  return {
    kind: 'cli',
    description: `Temporal CLI ${cli.version}, server start-dev on SQLite (${cli.path})`,
    address: `127.0.0.1:${options.grpcPort}`,
    uiUrl: options.uiPort === null ? null : `http://127.0.0.1:${options.uiPort}`,
    processes: [server],
    stop: () => server.stop(20_000),
  };
}
