import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess, tailOf } from './managed-process';
import { projectRoot, type Say } from './project';
import { LEAST_CLI_VERSION, type TemporalCli } from './temporal-cli';
import { nativeBuildFolder } from './temporal-native-build';

/** One try; whoever cannot reach temporal.download quickly is better served by the build. */
const LIMIT_MS = 20_000;

/**
 * Lets the SDK download the Temporal CLI into the cache, unless it is there already. The path it downloads to is the
 * downloader's: `temporal-v<version>`, renamed from `….downloading` once complete (sdk-core ephemeral_server).
 * @returns null, after saying why, when it does not arrive within 20 s
 */
export async function downloadCli(logDirectory: string, say: Say): Promise<TemporalCli | null> {
  const version = `v${LEAST_CLI_VERSION}`;
  const folder = join(nativeBuildFolder(), '..');
  const path = join(folder, `temporal-${version}`);
  const cli = { path, version: LEAST_CLI_VERSION };
  if (existsSync(path)) return cli;
  mkdirSync(folder, { recursive: true });
  say(`Downloading the Temporal CLI ${version} from temporal.download (at most ${LIMIT_MS / 1000} s)`);
  const child = startProcess({
    name: 'download',
    command: process.execPath,
    args: [join(projectRoot, 'scripts/download-temporal-cli.mjs'), folder, version],
    env: process.env,
    cwd: projectRoot,
    logFile: join(logDirectory, 'temporal-download.log'),
  });
  const stopWaiting = new AbortController();
  const limit = sleep(LIMIT_MS, 'took too long', { signal: stopWaiting.signal }).catch(() => 'ended');
  const how = await Promise.race([child.exited, limit]);
  stopWaiting.abort();
  await child.kill();
  rmSync(`${path}.downloading`, { force: true });
  if (existsSync(path)) return cli;
  const reason = /(error|Error)[^\n]*/.exec(tailOf(child.logFile))?.[0] ?? how;
  say(`The Temporal CLI could not be downloaded: ${reason.slice(0, 200)}`);
  return null;
}
