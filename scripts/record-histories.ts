import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { loadConfig } from '../libs/config/config';
import { openClient, openConnection } from '../temporal/connection';
import { syncDispatchScheduleId, WORKFLOWS } from '../workflows/contract';
import { createPartner } from './cli/partner';
import { ApiCaller } from './demo/api';
import { consent } from './demo/consent';
import { walkReplays } from './record-replays';
import { startStack, type Stack } from './stack';

/**
 * `npm run histories:record`: walks every path of the workflows on a stack of its own and saves one history of each
 * for the replay suite. Run it before a workflow is edited, and commit what it wrote.
 */
const FOLDER = join(process.cwd(), 'test/replay/histories');

async function control(stack: Stack, method: string, path: string, body: object = {}): Promise<void> {
  const response = await fetch(`${stack.urls.sandbox}/control${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}`);
}

/** Connect, sync unchanged, sync with one failing stream, wait for a limit, disconnect; one tick of a dispatcher; replays. */
async function walk(stack: Stack, client: Client): Promise<void> {
  const { apiKey } = await createPartner(stack.env, { appName: 'Histories' });
  const api = new ApiCaller(stack.urls.api, apiKey);
  const user = await api.post<{ id: string }>('/v1/users', { displayName: 'Histories' });
  const syncNow = (provider: string, waitS = 60) =>
    api.post(`/v1/integrations/${provider}`, { userId: user.id }, { prefer: `wait=${waitS}` });
  const connect = async (provider: string): Promise<string> => {
    await control(stack, 'PUT', `/accounts/${provider}/histories`, { days: 30, activities: 5 });
    const started = await api.post<{ integrationId: string; authorizationUrl: string }>(
      `/v1/integrations/${provider}/connect`,
      { userId: user.id },
    );
    await consent(started.authorizationUrl, { account: 'histories', decision: 'allow' });
    await syncNow(provider);
    return started.integrationId;
  };
  const google = await connect('google_health');
  await syncNow('google_health');
  await control(stack, 'POST', '/faults', {
    provider: 'google_health',
    kind: 'malformed_json',
    path: 'weight',
  });
  await syncNow('google_health');
  await connect('strava');
  await control(stack, 'POST', '/faults', { provider: 'strava', kind: 'rate_limited' });
  await syncNow('strava', 3);
  await syncNow('strava');
  await client.schedule.getHandle(syncDispatchScheduleId(0)).trigger();
  await api.delete(`/v1/integrations/${google}`);
  await untilClosed(client, WORKFLOWS.disconnectIntegration);
  await untilClosed(client, WORKFLOWS.dispatchSyncs);
  await walkReplays(stack.env['DATABASE_URL']!, api, client);
}

async function untilClosed(client: Client, workflowType: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  const query = `WorkflowType = '${workflowType}' AND ExecutionStatus = 'Completed'`;
  while ((await client.workflow.count(query)).count === 0) {
    if (Date.now() > deadline) throw new Error(`no ${workflowType} closed`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const first = (value: unknown): string => (Array.isArray(value) ? String(value[0]) : '');

/** Saves one history per (workflow type, trigger, outcome, waited or not, cancelled or not). */
async function save(client: Client): Promise<void> {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const seen = new Set<string>();
  for await (const execution of client.workflow.list({
    query: "ExecutionStatus IN ('Completed', 'Canceled')",
  })) {
    if (execution.type.startsWith('temporal-')) continue;
    const { SyncTrigger, SyncOutcome } = execution.searchAttributes;
    const history = historyToJSON(
      await client.workflow.getHandle(execution.workflowId, execution.runId).fetchHistory(),
    );
    const waited = history.includes('timerStartedEventAttributes') ? 'waited' : '';
    const ended = execution.status.name === 'CANCELLED' ? 'cancelled' : '';
    const name = [execution.type, first(SyncTrigger), first(SyncOutcome), waited, ended, 'json']
      .filter((part) => part !== '')
      .join('.');
    if (seen.has(name)) continue;
    seen.add(name);
    writeFileSync(join(FOLDER, name), history);
    console.log(`recorded ${name}`);
  }
}

async function main(): Promise<void> {
  const stack = await startStack({ freshDatabase: 'diettracker_histories' });
  const config = loadConfig(stack.env);
  const connection = openConnection(config);
  try {
    const client = openClient(connection, config);
    await walk(stack, client);
    await save(client);
  } finally {
    await connection.close();
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
