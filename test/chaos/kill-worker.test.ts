import { sql } from 'drizzle-orm';
import { connect, finishedRun, startSystem, type System } from '../support/system';
import { waitUntil } from '../support/wait-until';

const ROWS = 50_000;
const KILL_AT_ROWS = [5_000, 20_000];

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system?.stop());

const countRecords = async (): Promise<number> => {
  const [row] = await system.database.db.execute<{ n: number }>(sql`select count(*)::int as n from records`);
  return row!.n;
};

test('SIGKILL of the worker in mid-page, twice: same rows, each (record, version) in exactly one event', async () => {
  const { api } = await system.partner('Chaos');
  const user = await api.post<{ id: string }>('/v1/users', { displayName: 'Ada' });
  await system.control('PUT', '/accounts/google_health/ada', { days: 340, weights: ROWS, activities: 0 });
  const { integrationId } = await connect(api, user.id, 'google_health', {
    account: 'ada',
    decision: 'allow',
  });

  for (const atLeast of KILL_AT_ROWS) {
    await waitUntil(async () => (await countRecords()) >= atLeast, {
      what: `${atLeast} rows`,
      timeoutMs: 120_000,
    });
    await system.worker!.kill9();
    expect(await countRecords()).toBeLessThan(ROWS);
    await system.startWorker();
  }
  const run = await finishedRun(api, integrationId, [], 300_000);
  expect(run.outcome).toBe('ok');
  expect(await countRecords()).toBe(ROWS);
  expect(run.streams.find((s) => s.stream === 'weight')).toMatchObject({
    inserted: ROWS,
    updated: 0,
    unchanged: 0,
  });

  const [told] = await system.database.db.execute<{ listed: number; distinct: number; missing: number }>(sql`
    with listed as (
      select r->>'id' as id, (r->>'version')::int as version
      from events e, jsonb_array_elements(e.data->'records') r where e.stream = 'weight'
    )
    select (select count(*)::int from listed) as listed,
      (select count(*)::int from (select distinct id, version from listed) d) as distinct,
      (select count(*)::int from records r where not exists (
        select 1 from listed l where l.id = r.id and l.version = r.version)) as missing`);
  expect(told).toEqual({ listed: ROWS, distinct: ROWS, missing: 0 });
  const [sequence] = await system.database.db.execute<{ events: number; highest: number }>(sql`
    select count(*)::int as events, max(seq)::int as highest from events where user_id = ${user.id}`);
  expect(sequence!.highest).toBe(sequence!.events);
  const figures = {
    rows: await countRecords(),
    kills: KILL_AT_ROWS.length,
    duplicates: told!.listed - told!.distinct,
    lost: told!.missing,
  };
  console.log(JSON.stringify({ bench: 'chaos-kill-worker', figures }));
}, 400_000);
