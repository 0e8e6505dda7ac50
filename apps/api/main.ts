import { ConfigError, loadConfig } from '../../libs/config/config';
import { createApp } from './create-app';
import { closeResources, openResources } from './resources';

async function main(): Promise<void> {
  const resources = openResources(loadConfig());
  const { config, logger } = resources;
  const { app } = await createApp(resources);
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    logger.info('stopping', { signal });
    // First the server, which ends its requests, then what they use.
    await app.close();
    await closeResources(resources);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stop(signal).catch((error: unknown) => {
        logger.error('stop failed', { error });
        process.exitCode = 1;
      });
    });
  }
  await app.listen(config.API_PORT, config.API_HOST);
  logger.info('listening', { url: await app.getUrl(), docs: `${config.PUBLIC_URL}/docs` });
}

main().catch((error: unknown) => {
  const text = error instanceof ConfigError ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
