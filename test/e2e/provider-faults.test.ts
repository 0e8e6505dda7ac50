import { sql } from 'drizzle-orm';
import type { ApiCaller } from '../../scripts/demo/api';
import { consent } from '../../scripts/demo/consent';
import { syncWorkflowId } from '../../workflows/contract';
import { connect, finishedRun, startSystem, type IntegrationView, type System } from '../support/system';
import { waitUntil } from '../support/wait-until';

const WEIGHTS = 2300;

let system: System;
let api: ApiCaller;
beforeAll(async () => {
  system = await startSystem();
  ({ api } = await system.partner('Faults'));
});
afterAll(() => system?.stop());

let accounts = 0;
/** A user with an account of its own at the sandbox; nothing connected yet. */
async function anyone(): Promise<{ userId: string; account: string }> {
  accounts += 1;
  const account = `fault-${accounts}`;
  await system.control('PUT', `/accounts/google_health/${account}`, {
    days: 60,
    weights: WEIGHTS,
    activities: 3,
  });
  const user = await api.post<{ id: string }>('/v1/users', { displayName: account });
  return { userId: user.id, account };
}

const fault = (kind: string, more: object = {}) =>
  system.control('POST', '/faults', { provider: 'google_health', kind, ...more });

const view = (id: string) => api.get<IntegrationView>(`/v1/integrations/${id}`);

async function counts(integrationId: string): Promise<{ weights: number; listed: number; versions: number }> {
  const [row] = await system.database.db.execute<{ weights: number; listed: number; versions: number }>(sql`
    select
      (select count(*)::int from records where integration_id = ${integrationId} and stream = 'weight') as weights,
      (select count(*)::int from events e, jsonb_array_elements(e.data->'records')
        where e.integration_id = ${integrationId} and e.stream = 'weight') as listed,
      (select coalesce(max(version), 0)::int from records where integration_id = ${integrationId}) as versions`);
  return row!;
}

const msToQuarterHour = (): number => 900_000 - (Date.now() % 900_000);

const EVERYTHING_ONCE = { weights: WEIGHTS, listed: WEIGHTS, versions: 1 };

test.each([
  ['a 500', [['server_error']]],
  ['a proxy’s HTML page', [['html_error']]],
  ['a connection that is cut', [['drop']]],
  ['an access token that is refused before its time', [['token_expired']]],
  [
    'a 500 and a cut connection in the middle of the pages',
    [
      ['server_error', { path: 'weight', times: 2 }],
      ['drop', { path: 'weight' }],
    ],
  ],
] as const)('%s is survived: everything lands once', async (_name, faults) => {
  const { userId, account } = await anyone();
  const started = await api.post<{ integrationId: string; authorizationUrl: string }>(
    '/v1/integrations/google_health/connect',
    { userId },
  );
  await system.worker!.stop();
  expect((await consent(started.authorizationUrl, { account, decision: 'allow' })).status).toBe(200);
  for (const [kind, more] of faults as readonly (readonly [string, object?])[])
    await fault(kind, { account, ...more });
  await system.startWorker();
  const run = await finishedRun(api, started.integrationId);
  expect(run.outcome).toBe('ok');
  expect(await counts(started.integrationId)).toEqual(EVERYTHING_ONCE);
  expect(await view(started.integrationId)).toMatchObject({ status: 'active', reason: null });
});

test('garbage from the provider fails the stream, keeps the others, and the next sync goes on where it stopped', async () => {
  const { userId, account } = await anyone();
  await fault('malformed_json', { account, path: 'weight' });
  const { integrationId } = await connect(api, userId, 'google_health', { account, decision: 'allow' });
  const run = await finishedRun(api, integrationId);
  expect(run.outcome).toBe('partial');
  expect(await view(integrationId)).toMatchObject({ status: 'degraded', reason: 'provider_bad_data' });
  expect(run.streams.find((s) => s.stream === 'activity')).toMatchObject({ inserted: 3, errorCode: null });
  expect((await counts(integrationId)).weights).toBe(0);
  await api.post('/v1/integrations/google_health', { userId }, { prefer: 'wait=60' });
  expect(await counts(integrationId)).toEqual(EVERYTHING_ONCE);
  expect(await view(integrationId)).toMatchObject({ status: 'active', reason: null });
});

test('a dead refresh token asks the user to connect again; reconnecting keeps the identity and resumes', async () => {
  const { userId, account } = await anyone();
  const { integrationId } = await connect(api, userId, 'google_health', { account, decision: 'allow' });
  await finishedRun(api, integrationId);
  await fault('dead_refresh_token', { account });
  await api.raw('POST', '/v1/integrations/google_health', { userId }, { prefer: 'wait=60' });
  await waitUntil(async () => (await view(integrationId)).status === 'needs_reauth', {
    what: 'needs_reauth',
  });
  const refused = await api.raw('POST', '/v1/integrations/google_health', { userId });
  expect(refused.status).toBe(409);
  expect(await refused.json()).toMatchObject({ code: 'reauth_required' });
  const again = await connect(api, userId, 'google_health', { account, decision: 'allow' });
  expect(again.integrationId).toBe(integrationId);
  await waitUntil(async () => (await view(integrationId)).status === 'active', { what: 'active again' });
  expect(await counts(integrationId)).toEqual(EVERYTHING_ONCE);
});

test('an account without a health profile and a refused scope are told apart, and nobody is disconnected', async () => {
  const { userId, account } = await anyone();
  const { integrationId } = await connect(api, userId, 'google_health', { account, decision: 'allow' });
  const { id } = await finishedRun(api, integrationId);
  await fault('forbidden_all', { account });
  await api.post('/v1/integrations/google_health', { userId }, { prefer: 'wait=60' });
  const failed = await finishedRun(api, integrationId, [id]);
  expect(failed.outcome).toBe('failed');
  expect(await view(integrationId)).toMatchObject({ status: 'degraded', reason: 'scope_missing' });
  await system.control('DELETE', '/faults');
  await api.post('/v1/integrations/google_health', { userId }, { prefer: 'wait=60' });
  expect(await view(integrationId)).toMatchObject({ status: 'active', reason: null });
});

test('a rate limit waits in the workflow, not in the worker, and sync now goes first', async () => {
  const user = await api.post<{ id: string }>('/v1/users', { displayName: 'limited' });
  await system.control('PUT', '/accounts/strava/limited', { days: 60, activities: 12 });
  await fault('rate_limited', { provider: 'strava' });
  const { integrationId } = await connect(api, user.id, 'strava', { account: 'limited', decision: 'allow' });
  const handle = system.temporal.client.workflow.getHandle(syncWorkflowId(integrationId));
  // Strava names the next quarter hour. When that is less than a minute away an activity retry bridges it.
  if (msToQuarterHour() < 90_000) {
    expect((await finishedRun(api, integrationId, [], 200_000)).outcome).toBe('ok');
  } else {
    // The run waits on a timer or, when the slot is far, ends deferred until then.
    await waitUntil(
      async () => {
        const [row] = await system.database.db.execute(
          sql`select outcome from sync_runs where integration_id = ${integrationId}`,
        );
        if (row?.['outcome'] === 'deferred') return true;
        const progress = await handle.query<{ phase: string }>('progress');
        return progress.phase === 'waiting';
      },
      { what: 'the wait for the limit' },
    );
    const result = await api.post<{ outcome: string }>(
      '/v1/integrations/strava',
      { userId: user.id },
      { prefer: 'wait=60' },
    );
    expect(result.outcome).toBe('ok');
  }
  const [row] = await system.database.db.execute<{ n: number }>(
    sql`select count(*)::int as n from records where integration_id = ${integrationId}`,
  );
  expect(row!.n).toBe(12);
}, 240_000);
