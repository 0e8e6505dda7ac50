import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { loadConfig } from '../libs/config/config';
import { openClient, openConnection } from '../temporal/connection';

/**
 * `npm run histories:record`: saves the newest closed history of each (workflow type, trigger, outcome) of the
 * namespace for the replay suite. Run it against a stack on which the paths were just walked, e.g. after the
 * end-to-end suite, before a workflow is edited.
 */
const FOLDER = join(process.cwd(), 'test/replay/histories');
const RECORDED = ['syncIntegration', 'disconnectIntegration', 'dispatchSyncs'];

const text = (value: unknown): string => (Array.isArray(value) ? String(value[0]) : 'none');

async function main(): Promise<void> {
  const config = loadConfig();
  const connection = openConnection(config);
  const client = openClient(connection, config);
  mkdirSync(FOLDER, { recursive: true });
  const seen = new Set<string>();
  for await (const execution of client.workflow.list({ query: "ExecutionStatus != 'Running'" })) {
    if (!RECORDED.includes(execution.type)) continue;
    const attributes = execution.searchAttributes;
    const parts = [
      execution.type,
      text(attributes['SyncTrigger']),
      text(attributes['SyncOutcome']),
      execution.status.name,
    ];
    const name = `${parts
      .filter((p) => p !== 'none')
      .join('.')
      .toLowerCase()
      .replace(execution.type.toLowerCase(), execution.type)}.json`;
    if (seen.has(name)) continue;
    seen.add(name);
    const history = await client.workflow.getHandle(execution.workflowId, execution.runId).fetchHistory();
    writeFileSync(join(FOLDER, name), `${JSON.stringify(historyToJSON(history))}\n`);
    console.log(`recorded ${name} (${execution.workflowId})`);
  }
  await connection.close();
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
