import { randomBytes } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { bootstrapTemporal } from '../../temporal/bootstrap';
import { openClient, openConnection } from '../../temporal/connection';
import { testServers } from './servers';

export interface TestNamespace {
  address: string;
  namespace: string;
  client: Client;
  /** Settings for the processes of the suite. */
  env: { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };
  close(): Promise<void>;
}

/** A namespace with the project's search attributes, for one suite; ready in about two seconds. */
export async function createTestNamespace(): Promise<TestNamespace> {
  const { temporalAddress } = testServers();
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const env = { TEMPORAL_ADDRESS: temporalAddress, TEMPORAL_NAMESPACE: namespace };
  const connection = openConnection(env);
  await bootstrapTemporal(connection, namespace);
  return {
    address: temporalAddress,
    namespace,
    client: openClient(connection, env),
    env,
    close: () => connection.close(),
  };
}
