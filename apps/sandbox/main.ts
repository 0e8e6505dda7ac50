import { Logger } from '../../libs/telemetry/logger';
import { loadSandboxConfig } from './config';
import { startConfiguredSandbox } from './server';

/** Runs the sandbox as a process of its own until SIGINT or SIGTERM. Tells its parent process the URL, if it has one. */
async function main(): Promise<void> {
  const log = new Logger('sandbox', 'info');
  const config = loadSandboxConfig();
  const sandbox = await startConfiguredSandbox(config, { log });
  log.info('sandbox ready', { url: sandbox.url, seed: config.seed, users: config.users, days: config.days });
  process.send?.({ url: sandbox.url });
  const stop = (): void => {
    void sandbox.close();
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

main().catch((error: unknown) => {
  new Logger('sandbox', 'info').error('sandbox did not start', { error });
  process.exitCode = 1;
});
