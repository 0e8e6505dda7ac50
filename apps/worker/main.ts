import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { ConfigError, loadConfig } from '../../libs/config/config';
import { Logger } from '../../libs/telemetry/logger';
import { installRuntime } from '../../temporal/runtime';
import { WorkerModule } from './worker.module';

async function main(): Promise<void> {
  const config = loadConfig();
  const logger = new Logger('worker', config.LOG_LEVEL);
  installRuntime(logger);
  const app = await NestFactory.createApplicationContext(WorkerModule, {
    logger: false,
    abortOnError: false,
  });
  app.enableShutdownHooks();
  logger.info('worker is up', { health: `http://${config.WORKER_HOST}:${config.WORKER_PORT}/health` });
}

main().catch((error: unknown) => {
  process.stderr.write(
    error instanceof ConfigError ? `${error.message}\n` : `${String((error as Error).stack ?? error)}\n`,
  );
  process.exit(1);
});
