import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { HASH_VERSION } from '../../libs/health/content-hash';
import { commitPage, type PageToCommit } from '../../libs/db/page-commit';
import { planRound, type StreamRule } from '../../libs/db/sync-plan.repo';
import { finishRound } from '../../libs/db/sync-finish.repo';
import { readOpenWindow } from '../../libs/db/stream-cursors.repo';
import { closeIntegration } from '../../libs/db/integration-status';
import type { RecordDraft } from '../../libs/health/records';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { anyApp, anyEndpoint, anyIntegration, anyUser, grant, weightDraft } from '../support/fixtures';

const RULE: StreamRule = {
  stream: 'weight',
  anyScope: ['w'],
  windowDays: 400,
  overlapDays: 7,
  initialDays: 90,
  pageTokenTtlMs: 3_600_000,
};

let t: TestDatabase;
beforeAll(async () => {
  t = await createTestDatabase();
});
afterAll(() => t.drop());

interface Run {
  runId: string;
  userId: string;
  integrationId: string;
  round: number;
}

async function startRun(): Promise<Run> {
  const userId = await anyUser(t.db);
  const { integrationId } = await anyIntegration(t.db, userId, 'google_health', { scopes: ['w'] });
  return { runId: newId('run'), userId, integrationId, round: 0 };
}

async function plan(run: Run, continuation = false) {
  run.round += 1;
  return planRound(t.db, {
    integrationId: run.integrationId,
    runId: run.runId,
    round: run.round,
    trigger: 'user',
    continuation,
    rulesOf: () => [RULE],
  });
}

async function commit(run: Run, drafts: RecordDraft[], values: Partial<PageToCommit> = {}) {
  const window = (await readOpenWindow(t.db, run.integrationId, 'weight'))!;
  return commitPage(t.db, {
    owner: { integrationId: run.integrationId, userId: run.userId, provider: 'google_health' },
    reExport: true,
    runId: run.runId,
    stream: 'weight',
    generation: 1,
    cursorVersion: window.cursorVersion,
    requestedAt: window.now,
    drafts,
    next: null,
    ...values,
  });
}

const finish = (run: Run, deferredUntil: string | null = null) =>
  finishRound(t.db, {
    integrationId: run.integrationId,
    runId: run.runId,
    round: run.round,
    streams: [{ stream: 'weight', errorCode: null, deferredUntil }],
    cancelled: false,
    nextSyncInS: 3600,
    reExportOf: () => true,
  });

const eventsOf = (run: Run) =>
  t.db.execute<{ type: string; seq: string; record_count: number; data: string }>(
    sql`select type, seq, record_count, data from events where user_id = ${run.userId} order by seq`,
  );

test('a page lands with its cursor, coverage, counts, event and delivery', async () => {
  const run = await startRun();
  const appId = await anyApp(t.db);
  await grant(t.db, appId, run.userId, ['body.read']);
  const endpointId = await anyEndpoint(t.db, appId);
  await plan(run);
  const first = await commit(
    run,
    [weightDraft('b', 80, '2026-11-02T06:00:00Z'), weightDraft('a', 81, '2026-11-01T06:00:00Z')],
    { next: 'p2' },
  );
  expect(first).toMatchObject({ pages: 1, inserted: 2, updated: 0, unchanged: 0 });
  const window = await readOpenWindow(t.db, run.integrationId, 'weight');
  expect(window).toMatchObject({ pageToken: 'p2' });
  const last = await commit(run, [weightDraft('c', 79, '2026-11-03T06:00:00Z')]);
  expect(last).toMatchObject({ pages: 2, inserted: 3 });
  expect(await readOpenWindow(t.db, run.integrationId, 'weight')).toBeNull();

  const events = await eventsOf(run);
  expect(events.map((e) => [e.type, Number(e.seq), e.record_count])).toEqual([
    ['weight.created', 1, 2],
    ['weight.created', 2, 1],
  ]);
  const deliveries = await t.db.execute(
    sql`select seq from deliveries where endpoint_id = ${endpointId} order by seq`,
  );
  expect(deliveries.map((d) => Number(d['seq']))).toEqual([1, 2]);
});

test('unchanged data writes no row and no event; changed data is the next version', async () => {
  const run = await startRun();
  await plan(run);
  await commit(run, [
    weightDraft('a', 81, '2026-11-01T06:00:00Z'),
    weightDraft('b', 80, '2026-11-02T06:00:00Z'),
  ]);
  const rowsBefore = await t.db.execute(
    sql`select id, xmin::text, version from records where integration_id = ${run.integrationId} order by id`,
  );
  await plan(run);
  const second = await commit(run, [
    weightDraft('a', 81.0001, '2026-11-01T06:00:00Z'),
    weightDraft('b', 80, '2026-11-02T06:00:00Z'),
  ]);
  expect(second).toMatchObject({ inserted: 2, updated: 0, unchanged: 2 });
  const rowsAfter = await t.db.execute(
    sql`select id, xmin::text, version from records where integration_id = ${run.integrationId} order by id`,
  );
  expect([...rowsAfter]).toEqual([...rowsBefore]);
  await plan(run);
  expect(await commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')])).toMatchObject({ updated: 1 });
  expect((await eventsOf(run)).map((e) => e.type)).toEqual(['weight.created', 'weight.updated']);
  const [row] = await t.db.execute(
    sql`select version, content from records where integration_id = ${run.integrationId} and source_id = 'a'`,
  );
  expect(row).toMatchObject({ version: 2, content: { weightKg: 82 } });
});

test('A fetches old, B commits new, A commits: the newer value stays', async () => {
  const run = await startRun();
  await plan(run);
  const requestedByA = (await readOpenWindow(t.db, run.integrationId, 'weight'))!.now;
  await commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')], { next: 'p2' });
  const late = await commit(run, [weightDraft('a', 81, '2026-11-01T06:00:00Z')], {
    requestedAt: requestedByA,
  });
  expect(late).toMatchObject({ inserted: 1, updated: 0, unchanged: 1 });
});

test('a late attempt on an old cursor writes nothing', async () => {
  const run = await startRun();
  await plan(run);
  const stale = (await readOpenWindow(t.db, run.integrationId, 'weight'))!.cursorVersion;
  await commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')], { next: 'p2' });
  await expect(
    commit(run, [weightDraft('z', 50, '2026-11-01T06:00:00Z')], { cursorVersion: stale }),
  ).rejects.toMatchObject({ code: 'conflict' });
  const rows = await t.db.execute(
    sql`select source_id from records where integration_id = ${run.integrationId}`,
  );
  expect(rows.map((r) => r['source_id'])).toEqual(['a']);
});

test('nothing is written after a disconnect in mid-run', async () => {
  const run = await startRun();
  await plan(run);
  await closeIntegration(t.db, run.integrationId, () => true);
  await expect(commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')])).rejects.toMatchObject({
    code: 'integration_gone',
  });
  expect((await eventsOf(run)).map((e) => e.type)).toEqual(['integration.disconnected']);
});

test('planning and finishing twice changes nothing; sync.completed is said once', async () => {
  const run = await startRun();
  const planned = await plan(run);
  run.round -= 1;
  const before = await readOpenWindow(t.db, run.integrationId, 'weight');
  expect(await plan(run)).toEqual(planned);
  expect(await readOpenWindow(t.db, run.integrationId, 'weight')).toMatchObject({
    cursorVersion: before!.cursorVersion,
  });
  await commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')]);
  expect(await finish(run)).toEqual({ more: false, outcome: 'ok' });
  expect(await finish(run)).toEqual({ more: false, outcome: 'ok' });
  expect((await eventsOf(run)).map((e) => e.type)).toEqual(['weight.created', 'sync.completed']);
});

test('a run that changed nothing says nothing', async () => {
  const run = await startRun();
  await plan(run);
  await commit(run, []);
  expect(await finish(run)).toEqual({ more: false, outcome: 'unchanged' });
  expect(await eventsOf(run)).toHaveLength(0);
  const [coverage] = await t.db.execute(
    sql`select answered::text, empty::text from integration_streams where integration_id = ${run.integrationId}`,
  );
  expect(coverage!['answered']).toBe(coverage!['empty']);
  expect(coverage!['answered']).not.toBe('{}');
});

test('a page of another provider policy makes the event but no delivery', async () => {
  const run = await startRun();
  const appId = await anyApp(t.db);
  await grant(t.db, appId, run.userId);
  const endpointId = await anyEndpoint(t.db, appId);
  await plan(run);
  await commit(run, [weightDraft('a', 82, '2026-11-01T06:00:00Z')], { reExport: false });
  expect(await t.db.execute(sql`select 1 from deliveries where endpoint_id = ${endpointId}`)).toHaveLength(0);
  expect(await eventsOf(run)).toHaveLength(1);
});

test('a new hash version rewrites silently: no event, no new version', async () => {
  const run = await startRun();
  await plan(run);
  const drafts = [weightDraft('a', 82, '2026-11-01T06:00:00Z')];
  await commit(run, drafts, { next: 'p2' });
  await t.db.execute(sql`
    update records set hash_version = 0, content_hash = 'of an older version' where integration_id = ${run.integrationId}`);
  expect(await commit(run, drafts)).toMatchObject({ inserted: 1, updated: 0, unchanged: 1 });
  const [row] = await t.db.execute(
    sql`select version, hash_version from records where integration_id = ${run.integrationId}`,
  );
  expect(row).toEqual({ version: 1, hash_version: HASH_VERSION });
  expect((await eventsOf(run)).map((e) => e.type)).toEqual(['weight.created']);
});

test('a run whose provider asks for a long wait ends deferred; its next time is the slot', async () => {
  const run = await startRun();
  await plan(run);
  const slot = new Date(Date.now() + 4 * 3_600_000).toISOString();
  expect(await finish(run, slot)).toEqual({ more: false, outcome: 'deferred' });
  const [row] = await t.db.execute<{ next_sync_at: string; status: string }>(
    sql`select next_sync_at, status from integrations where id = ${run.integrationId}`,
  );
  expect(new Date(row!.next_sync_at).toISOString()).toBe(slot);
  expect(row!.status).toBe('active');
});

test('a window longer than the provider allows is read in rounds, oldest first, without a gap', async () => {
  const run = await startRun();
  const rule = { ...RULE, windowDays: 30 };
  const spans: { from: Date; to: Date }[] = [];
  for (let more = true; more;) {
    run.round += 1;
    await planRound(t.db, { ...run, trigger: 'user', continuation: run.round > 1, rulesOf: () => [rule] });
    const window = (await readOpenWindow(t.db, run.integrationId, 'weight'))!;
    spans.push({ from: window.from, to: window.to });
    await commit(run, []);
    ({ more } = await finish(run));
  }
  expect(spans).toHaveLength(3);
  for (const [i, span] of spans.slice(1).entries()) expect(span.from).toEqual(spans[i]!.to);
  const [coverage] = await t.db.execute<{ gaps: number }>(sql`
    select (select count(*)::int from unnest(answered)) - 1 as gaps from integration_streams
    where integration_id = ${run.integrationId}`);
  expect(coverage!.gaps).toBe(0);
});
