import type { Client } from '@temporalio/client';
import postgres from 'postgres';

/** Drops the database of the URL, whoever is connected to it, so that the caller can make it anew. */
export async function dropDatabase(url: string): Promise<void> {
  const server = new URL(url);
  const name = server.pathname.slice(1);
  server.pathname = '/postgres';
  const sql = postgres(server.href, { max: 1, onnotice: () => undefined });
  try {
    await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`;
  } finally {
    await sql.end();
  }
}

/** Ends what an earlier run left in the namespace: its Schedules and open workflows know nothing of the new database. */
export async function clearNamespace(client: Client): Promise<void> {
  for await (const { scheduleId } of client.schedule.list())
    await client.schedule.getHandle(scheduleId).delete();
  for await (const { workflowId, runId } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    if (workflowId.startsWith('temporal-sys-')) continue;
    await client.workflow
      .getHandle(workflowId, runId)
      .terminate('a fresh start')
      // It may have ended since it was listed.
      .catch(() => undefined);
  }
}
