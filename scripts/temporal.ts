import { mkdirSync } from 'node:fs';
import { SetupError } from './project';
import { findCli, startCli } from './temporal-cli';
import type { TemporalOptions, TemporalServer } from './temporal-contract';
import { downloadCli } from './temporal-download';
import { buildNative, cachedNativeBuild } from './temporal-native-build';
import { startNative } from './temporal-native-server';
import { answersGrpc } from './temporal-probe';

/**
 * A running, real Temporal server of version 1.32 or later. The first of these that is there: the server
 * `TEMPORAL_ADDRESS` names · the cached native build · a `temporal` CLI 1.9.1 or later (`TEMPORAL_CLI_PATH`, PATH) ·
 * the SDK's download of that CLI · a native build made now. Says which one runs and where its UI is.
 * @throws SetupError saying how to get one
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  mkdirSync(options.workDirectory, { recursive: true });
  mkdirSync(options.logDirectory, { recursive: true });
  const server = await firstThatIsThere(options);
  options.say(`Temporal: ${server.address}, ${server.description}`);
  if (server.uiUrl !== null) options.say(`Temporal UI: ${server.uiUrl}`);
  else if (server.kind === 'given')
    options.say('Temporal UI: not known; TEMPORAL_UI_URL tells it to the links');
  return server;
}

async function firstThatIsThere(options: TemporalOptions): Promise<TemporalServer> {
  const given = options.env['TEMPORAL_ADDRESS'];
  if (given) return takeGiven(given, options.env['TEMPORAL_UI_URL']);
  const cached = cachedNativeBuild();
  if (cached) return startNative(cached, options);
  const cli = findCli(options.env) ?? (await downloadCli(options.logDirectory, options.say));
  if (cli) return startCli(cli, options);
  return startNative(await buildNative(options.say), options);
}

async function takeGiven(address: string, uiUrl: string | undefined): Promise<TemporalServer> {
  if (!(await answersGrpc(address)))
    throw new SetupError(`TEMPORAL_ADDRESS=${address} does not answer: start it, or unset the variable`);
  return {
    kind: 'given',
    description: 'the running server TEMPORAL_ADDRESS names',
    address,
    uiUrl: uiUrl || null,
    processes: [],
    stop: () => Promise.resolve(),
  };
}
