import type { LoggerService } from '@nestjs/common';
import type { Logger } from '../../../libs/telemetry/logger';

/** Nest's own messages in our log: the chatter of its start only when debugging. */
export const nestLogger = (logger: Logger): LoggerService => ({
  log: (message: unknown, context?: unknown) => logger.debug(String(message), { context }),
  warn: (message: unknown, context?: unknown) => logger.warn(String(message), { context }),
  error: (message: unknown, ...rest: unknown[]) =>
    logger.error(message instanceof Error ? message.message : String(message), { context: rest.at(-1) }),
  fatal: (message: unknown, ...rest: unknown[]) => logger.error(String(message), { context: rest.at(-1) }),
});
