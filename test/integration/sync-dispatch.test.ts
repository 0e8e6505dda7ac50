import { sql } from 'drizzle-orm';
import { claimDue } from '../../libs/db/sync-dispatch.repo';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { anyIntegration, anyUser } from '../support/fixtures';

let t: TestDatabase;
beforeAll(async () => {
  t = await createTestDatabase();
});
beforeEach(() => t.db.execute(sql`update integrations set next_sync_at = null`));
afterAll(() => t.drop());

const past = (): Date => new Date(Date.now() - 60_000);
const future = (): Date => new Date(Date.now() + 60_000);

async function due(values: Parameters<typeof anyIntegration>[3]): Promise<string> {
  const { integrationId } = await anyIntegration(t.db, await anyUser(t.db), 'strava', values);
  return integrationId;
}

const ids = (claimed: Awaited<ReturnType<typeof claimDue>>) => new Set(claimed.map((c) => c.integrationId));

test('only integrations that are due and working are claimed', async () => {
  const active = await due({ nextSyncAt: past() });
  const degraded = await due({ nextSyncAt: past(), status: 'degraded' });
  await due({ nextSyncAt: future() });
  for (const status of ['pending', 'needs_reauth', 'paused', 'disconnected'] as const)
    await due({ nextSyncAt: past(), status });
  expect(ids(await claimDue(t.db, { shard: 0, shards: 1 }, 100))).toEqual(new Set([active, degraded]));
});

test('a claim moves the time by five minutes only: a crash between claim and start costs minutes', async () => {
  const id = await due({ nextSyncAt: past() });
  expect(await claimDue(t.db, { shard: 0, shards: 1 }, 100)).toHaveLength(1);
  expect(await claimDue(t.db, { shard: 0, shards: 1 }, 100)).toHaveLength(0);
  const [row] = await t.db.execute<{ seconds: string }>(sql`
    select extract(epoch from next_sync_at - clock_timestamp()) as seconds from integrations where id = ${id}`);
  expect(Number(row!.seconds)).toBeGreaterThan(280);
  expect(Number(row!.seconds)).toBeLessThanOrEqual(300);
});

test('dispatchers share the integrations by shard and never claim one twice', async () => {
  const all = await Promise.all(
    Array.from({ length: 40 }, (_, n) => due({ nextSyncAt: past(), shard: n % 64 })),
  );
  const [even, odd] = await Promise.all([0, 1].map((shard) => claimDue(t.db, { shard, shards: 2 }, 100)));
  expect(even).toHaveLength(20);
  expect(new Set([...ids(even!), ...ids(odd!)])).toEqual(new Set(all));
  await t.db.execute(sql`update integrations set next_sync_at = ${past().toISOString()} where id in ${all}`);
  const rivals = await Promise.all(
    Array.from({ length: 4 }, () => claimDue(t.db, { shard: 0, shards: 1 }, 20)),
  );
  const claimed = rivals.flat().map((c) => c.integrationId);
  expect(new Set(claimed).size).toBe(claimed.length);
});
