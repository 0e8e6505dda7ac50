import { loadConfig } from '../libs/config/config';
import { bootstrapTemporal } from '../temporal/bootstrap';
import { openConnection } from '../temporal/connection';
import { temporalTarget } from '../temporal/connection-options';
import { sayOnStdout } from './project';

/** Makes the Temporal namespace and search attributes of a deployment; safe to run again. */
async function main(): Promise<void> {
  const config = loadConfig();
  const { namespace } = temporalTarget(config);
  const connection = openConnection(config);
  try {
    await bootstrapTemporal(connection, namespace);
  } finally {
    await connection.close();
  }
  sayOnStdout(`Temporal namespace ${namespace} is ready.`);
}

main().catch((error: unknown) => {
  process.stderr.write(`Bootstrap failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
