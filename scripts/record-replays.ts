import type { Client } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import { closeDatabase, openDatabase, type Database } from '../libs/db/database';
import { replayProgressQuery, replayWorkflowId } from '../workflows/contract';
import type { ApiCaller } from './demo/api';

/** More pending deliveries than a replay adds to. */
const PENDING = 1_001;

interface ReplayView {
  id: string;
  status: string;
}

/** Walks the paths of `replayEndpoint` for the replay suite: to its end, with a wait, and cancelled in a wait. */
export async function walkReplays(databaseUrl: string, api: ApiCaller, client: Client): Promise<void> {
  const db = openDatabase(databaseUrl, 1, 'diettracker-histories');
  try {
    const endpoint = await api.post<{ id: string }>('/v1/webhooks/endpoints', {
      url: 'http://127.0.0.1:9/nobody',
    });
    const start = (): Promise<ReplayView> =>
      api.post<ReplayView>(`/v1/webhooks/endpoints/${endpoint.id}/replays`, {
        from: new Date(Date.now() - 3_600_000).toISOString(),
      });
    const isCompleted = async ({ id }: ReplayView): Promise<boolean> =>
      (await api.get<ReplayView>(`/v1/webhooks/replays/${id}`)).status === 'completed';
    const waits = async ({ id }: ReplayView): Promise<boolean> =>
      (await client.workflow.getHandle(replayWorkflowId(id)).query(replayProgressQuery)).waitMs > 0;

    const straight = await start();
    await until(() => isCompleted(straight), 'a completed replay');
    await bury(db, endpoint.id);
    const waited = await start();
    await until(() => waits(waited), 'a replay that waits');
    await dig(db, endpoint.id);
    await until(() => isCompleted(waited), 'a replay that waited');
    await bury(db, endpoint.id);
    const cancelled = await start();
    await until(() => waits(cancelled), 'a second replay that waits');
    await api.post(`/v1/webhooks/replays/${cancelled.id}/cancel`);
    await dig(db, endpoint.id);
    const query = `WorkflowId = '${replayWorkflowId(cancelled.id)}' AND ExecutionStatus = 'Canceled'`;
    await until(async () => (await client.workflow.count(query)).count > 0, 'a cancelled replay');
  } finally {
    await closeDatabase(db);
  }
}

/** Pending deliveries of no event, which nobody sends. */
const bury = (db: Database, endpointId: string): Promise<unknown> =>
  db.execute(sql`
    insert into deliveries (day, id, event_id, endpoint_id, queued_at, counted)
    select current_date, 'whd_history_' || n, 'evt_history_' || n, ${endpointId}, now(), false
    from generate_series(1, ${PENDING}::int) n`);

const dig = (db: Database, endpointId: string): Promise<unknown> =>
  db.execute(
    sql`delete from deliveries where day = current_date and endpoint_id = ${endpointId} and id like 'whd_history_%'`,
  );

async function until(probe: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await probe())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
