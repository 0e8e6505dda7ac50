import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from './managed-process';
import { freePorts } from './ports';
import { answersOk, untilReady } from './readiness';
import type { TemporalOptions, TemporalServer } from './temporal-contract';
import { answersGrpc } from './temporal-probe';
import { connectionOf, forgetMembers, prepareSchema, type TemporalDatabases } from './temporal-schema';
import { projectRoot, SetupError } from './project';

/** Fixed for the life of the databases: the server refuses to start with another number. */
const HISTORY_SHARDS = '64';

const ATTEMPTS = 3;

/**
 * Runs the natively built server 1.32 and its UI on the given PostgreSQL, everything on 127.0.0.1.
 * All settings go through the server's embedded config template (common/config/config_template_embedded.yaml).
 * @throws SetupError with the end of the log when it does not become ready
 */
export async function startNative(binFolder: string, options: TemporalOptions): Promise<TemporalServer> {
  const databases: TemporalDatabases = {
    serverUrl: options.databaseUrl,
    main: `temporal${options.databaseSuffix}`,
    visibility: `temporal_visibility${options.databaseSuffix}`,
  };
  await prepareSchema(binFolder, databases);
  await forgetMembers(databases);
  const server = await startServer(binFolder, databases, options);
  const ui = options.uiPort === null ? null : await startUi(binFolder, options, options.uiPort);
  return {
    kind: 'native',
    description: `native build of temporal/server/go.mod (${binFolder})`,
    address: `127.0.0.1:${options.grpcPort}`,
    uiUrl: ui && `http://127.0.0.1:${options.uiPort}`,
    processes: ui ? [server, ui] : [server],
    async stop() {
      await Promise.all([ui?.stop(), server.stop(20_000)]);
    },
  };
}

/** The internal ports are taken at random; somebody may be faster, so a server that does not come up is tried again. */
async function startServer(
  binFolder: string,
  databases: TemporalDatabases,
  options: TemporalOptions,
): Promise<ManagedProcess> {
  for (let attempt = 1; ; attempt += 1) {
    const server = startProcess({
      name: 'temporal',
      command: join(binFolder, 'temporal-server'),
      args: ['--allow-no-auth', 'start'],
      env: await environmentOf(databases, options),
      cwd: options.workDirectory,
      logFile: join(options.logDirectory, 'temporal.log'),
    });
    try {
      await untilReady(server, () => answersGrpc(`127.0.0.1:${options.grpcPort}`), 60_000);
      return server;
    } catch (error) {
      await server.kill();
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function environmentOf(
  databases: TemporalDatabases,
  options: TemporalOptions,
): Promise<NodeJS.ProcessEnv> {
  const { host, port, user, password, tls } = connectionOf(databases.serverUrl);
  const names = [
    'FRONTEND_HTTP_PORT',
    'FRONTEND_MEMBERSHIP_PORT',
    'MATCHING_GRPC_PORT',
    'MATCHING_MEMBERSHIP_PORT',
    'HISTORY_GRPC_PORT',
    'HISTORY_MEMBERSHIP_PORT',
    'WORKER_GRPC_PORT',
    'WORKER_MEMBERSHIP_PORT',
  ];
  const ports = await freePorts(names.length);
  return {
    PATH: process.env['PATH'],
    DB: 'postgres12_pgx',
    POSTGRES_SEEDS: host,
    DB_PORT: port,
    POSTGRES_USER: user,
    POSTGRES_PWD: password,
    SQL_TLS_ENABLED: String(tls),
    DBNAME: databases.main,
    VISIBILITY_DBNAME: databases.visibility,
    SQL_MAX_CONNS: '20',
    SQL_VIS_MAX_CONNS: '10',
    NUM_HISTORY_SHARDS: HISTORY_SHARDS,
    TEMPORAL_BROADCAST_ADDRESS: '127.0.0.1',
    BIND_ON_IP: '127.0.0.1',
    FRONTEND_GRPC_PORT: String(options.grpcPort),
    LOG_LEVEL: 'warn',
    DYNAMIC_CONFIG_FILE_PATH: join(projectRoot, 'temporal/dynamic-config.yaml'),
    ...Object.fromEntries(names.map((name, i) => [name, String(ports[i])])),
  };
}

async function startUi(binFolder: string, options: TemporalOptions, port: number): Promise<ManagedProcess> {
  const folder = join(options.workDirectory, 'temporal-ui');
  mkdirSync(folder, { recursive: true });
  // JSON is YAML, and needs no library to write.
  const settings = {
    temporalGrpcAddress: `127.0.0.1:${options.grpcPort}`,
    host: '127.0.0.1',
    port,
    enableUi: true,
    disableNewsFetch: true,
    cors: { cookieInsecure: true },
    defaultNamespace: options.namespace,
  };
  writeFileSync(join(folder, 'production.yaml'), JSON.stringify(settings));
  const ui = startProcess({
    name: 'temporal-ui',
    command: join(binFolder, 'temporal-ui'),
    args: ['--root', options.workDirectory, '--config', 'temporal-ui', '--env', 'production', 'start'],
    env: { PATH: process.env['PATH'] },
    cwd: options.workDirectory,
    logFile: join(options.logDirectory, 'temporal-ui.log'),
  });
  try {
    await untilReady(ui, () => answersOk(`http://127.0.0.1:${port}/healthz`), 20_000);
  } catch (error) {
    await ui.kill();
    throw new SetupError(`Temporal UI: ${error instanceof Error ? error.message : String(error)}`);
  }
  return ui;
}
