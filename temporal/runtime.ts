import type { Logger as TemporalLogger, LogLevel } from '@temporalio/common';
import { Runtime } from '@temporalio/worker';
import type { Logger } from '../libs/telemetry/logger';

type LogMeta = Readonly<Record<string | symbol, unknown>>;

/** Puts the SDK's log lines into ours; its TRACE becomes debug. */
function temporalLogger(logger: Logger): TemporalLogger {
  const fieldsOf = (meta: LogMeta = {}) => {
    const { message: _message, level: _level, ...rest } = meta as Record<string, unknown>;
    return rest;
  };
  const byLevel: Record<LogLevel, (message: string, meta?: LogMeta) => void> = {
    TRACE: (message, meta) => logger.debug(message, fieldsOf(meta)),
    DEBUG: (message, meta) => logger.debug(message, fieldsOf(meta)),
    INFO: (message, meta) => logger.info(message, fieldsOf(meta)),
    WARN: (message, meta) => logger.warn(message, fieldsOf(meta)),
    ERROR: (message, meta) => logger.error(message, fieldsOf(meta)),
  };
  return {
    log: (level, message, meta) => byLevel[level](message, meta),
    trace: byLevel.TRACE,
    debug: byLevel.DEBUG,
    info: byLevel.INFO,
    warn: byLevel.WARN,
    error: byLevel.ERROR,
  };
}

/**
 * Sets the SDK's native runtime up; once per process and before any connection or worker.
 * It takes no signals: the application decides when the workers stop.
 * @param metricsAddress `host:port` on which the SDK serves its own Prometheus metrics; unset: none
 */
export function installRuntime(logger: Logger, metricsAddress?: string): void {
  Runtime.install({
    logger: temporalLogger(logger),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      ...(metricsAddress === undefined
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress: metricsAddress,
                useSecondsForDurations: true,
                countersTotalSuffix: true,
                unitSuffix: true,
              },
            },
          }),
    },
  });
}
