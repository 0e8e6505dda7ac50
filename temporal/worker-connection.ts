import { NativeConnection } from '@temporalio/worker';
import type { Config } from '../libs/config/config';
import { temporalTarget } from './connection-options';

/**
 * The worker process's one connection, shared by its workers and by the client its activities use.
 * Call `installRuntime` first. @throws TransportError when the server does not answer
 */
export function connectWorker(
  config: Pick<Config, 'TEMPORAL_ADDRESS' | 'TEMPORAL_NAMESPACE'>,
): Promise<NativeConnection> {
  return NativeConnection.connect(temporalTarget(config).connectionOptions);
}
