import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import type { Config } from '../libs/config/config';
import { temporalTarget } from './connection-options';

type TemporalConfig = Pick<Config, 'TEMPORAL_ADDRESS' | 'TEMPORAL_NAMESPACE'>;

/**
 * The process's one client connection. It connects with the first call, so the API starts, and answers what needs no
 * Temporal, while the server is down.
 */
export function openConnection(config: TemporalConfig): Connection {
  const options: ConnectionOptions = temporalTarget(config).connectionOptions;
  return Connection.lazy({ ...options, connectTimeout: 5_000 });
}

/** A client of the product's namespace on the given connection; share one per process. */
export function openClient(connection: Connection, config: TemporalConfig): Client {
  return new Client({ connection, namespace: temporalTarget(config).namespace });
}

/** True when the server answers within `timeoutMs`. */
export async function isTemporalReady(connection: Connection, timeoutMs: number): Promise<boolean> {
  try {
    await connection.withDeadline(Date.now() + timeoutMs, () => connection.workflowService.getSystemInfo({}));
    return true;
  } catch {
    return false;
  }
}
