import { eq } from 'drizzle-orm';
import { createApp } from '../../libs/db/principals.repo';
import { events } from '../../libs/db/schema/webhooks';
import { integrations, providerAccounts } from '../../libs/db/schema/integrations';
import { consent, type CallbackAnswer } from '../../scripts/demo/consent';
import { disconnectWorkflowId, syncWorkflowId } from '../../workflows/contract';
import { startTestApi, type TestApi } from '../support/api';
import { anyApp, anyUser } from '../support/fixtures';

const WEIGHT_SCOPE = 'https://www.googleapis.com/auth/googlehealth.health_metrics_and_measurements.readonly';

let api: TestApi;
let key: string;
let userId: string;

beforeAll(async () => {
  api = await startTestApi();
  for (const account of ['ann', 'ann-2']) {
    for (const provider of ['strava', 'google_health']) {
      await fetch(`${api.sandbox.url}/control/accounts/${provider}/${account}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ days: 2, activities: 1 }),
      });
    }
  }
});

afterAll(() => api.close());

beforeEach(async () => {
  const { db } = api.database;
  const appId = await anyApp(db);
  userId = await anyUser(db);
  key = await api.keyOf(appId, userId);
});

async function start(provider = 'strava'): Promise<{ id: string; url: string }> {
  const { status, body } = await api.call(key, 'POST', `/v1/integrations/${provider}/connect`);
  expect(status).toBe(201);
  return { id: String(body['integrationId']), url: String(body['authorizationUrl']) };
}

async function connect(choice: Partial<Parameters<typeof consent>[1]> = {}, provider = 'strava') {
  const { id, url } = await start(provider);
  const answer = await consent(url, { account: 'ann', decision: 'allow', ...choice });
  return { id, answer };
}

const rowOf = async (id: string) =>
  (await api.database.db.select().from(integrations).where(eq(integrations.id, id)))[0]!;

const eventTypes = async (): Promise<string[]> => {
  const rows = await api.database.db
    .select()
    .from(events)
    .where(eq(events.userId, userId))
    .orderBy(events.seq);
  return rows.map((row) => row.type);
};

const problem = ({ status, body }: CallbackAnswer): [number, unknown] => [status, body['code']];

/** What closing an integration leaves behind, without a worker to run the workflow. */
const close = (id: string) =>
  api.database.db.update(integrations).set({ status: 'disconnected' }).where(eq(integrations.id, id));

it('stores sealed tokens, says integration.connected and starts the first sync', async () => {
  const { id, answer } = await connect();
  expect(answer).toEqual({ status: 200, body: { integrationId: id, status: 'active', code: 'connected' } });
  const row = await rowOf(id);
  expect(row).toMatchObject({ status: 'active', generation: 2, statusReason: null });
  expect(row.nextSyncAt!.getTime() - row.updatedAt.getTime()).toBe(300_000);
  const [account] = await api.database.db
    .select()
    .from(providerAccounts)
    .where(eq(providerAccounts.id, row.accountId!));
  const { sealer } = api.resources;
  const access = sealer.open(account!.accessTokenSealed!, `account:${account!.id}:access`);
  expect(access).not.toBe('');
  expect(account!.accessTokenSealed).not.toContain(access);
  expect(await eventTypes()).toEqual(['integration.connected']);
  const { status } = await api.namespace.client.workflow.getHandle(syncWorkflowId(id)).describe();
  expect(status.name).toBe('RUNNING');
});

it('leaves the integration pending when the user does not consent', async () => {
  const { id, answer } = await connect({ decision: 'deny' });
  expect(problem(answer)).toEqual([403, 'consent_denied']);
  expect(await rowOf(id)).toMatchObject({
    status: 'pending',
    statusReason: 'consent_denied',
    accountId: null,
  });
  expect(await eventTypes()).toEqual([]);
});

it('shows the streams the user did not tick, and needs another consent when nothing was', async () => {
  const partial = await connect({ keepScopes: [WEIGHT_SCOPE] }, 'google_health');
  const detail = await api.call(key, 'GET', `/v1/integrations/${partial.id}`);
  expect(detail.body).toMatchObject({
    status: 'active',
    streams: [
      { stream: 'weight', status: 'waiting' },
      { stream: 'activity', status: 'scope_missing' },
    ],
  });
  const none = await connect({ keepScopes: ['read'] });
  expect(none.answer.body).toMatchObject({ status: 'needs_reauth', code: 'scope_missing' });
  expect(await rowOf(none.id)).toMatchObject({
    status: 'needs_reauth',
    statusReason: 'scope_missing',
    nextSyncAt: null,
  });
  expect(await eventTypes()).toEqual(['integration.connected', 'integration.needs_reauth']);
});

it('keeps the integration for the same account and refuses another one while it is live', async () => {
  const { id } = await connect();
  const other = await connect({ account: 'ann-2' });
  expect(problem(other.answer)).toEqual([409, 'account_mismatch']);
  expect(await rowOf(id)).toMatchObject({ status: 'active', generation: 2 });
  const again = await connect();
  expect(again.answer.body['integrationId']).toBe(id);
  expect(await rowOf(id)).toMatchObject({ status: 'active', generation: 3 });
});

it('after a disconnect gives the same account its id back and another account a new one', async () => {
  const { id } = await connect();
  await close(id);
  const other = await connect({ account: 'ann-2' });
  const otherId = String(other.answer.body['integrationId']);
  expect(otherId).not.toBe(id);
  expect([(await rowOf(id)).status, (await rowOf(otherId)).status]).toEqual(['disconnected', 'active']);
  await close(otherId);
  const back = await connect();
  expect(back.answer.body['integrationId']).toBe(id);
  expect([(await rowOf(id)).status, (await rowOf(otherId)).status]).toEqual(['active', 'disconnected']);
});

describe('the state', () => {
  const callback = (provider: string, query: string) =>
    api.call(null, 'GET', `/v1/integrations/${provider}/callback?${query}`, undefined, {
      accept: 'application/json',
    });
  const stateOf = (url: string): string => new URL(url).searchParams.get('state')!;

  it('must be known', async () => {
    const answers = await Promise.all([callback('strava', 'state=x&code=y'), callback('strava', 'code=y')]);
    expect(answers.map((a) => [a.status, a.body['code']])).toEqual(
      answers.map(() => [400, 'connect_state_invalid']),
    );
  });

  it('works once: of two callbacks one gets to the provider', async () => {
    const state = stateOf((await start()).url);
    const answers = await Promise.all([1, 2].map(() => callback('strava', `state=${state}&code=y`)));
    expect(answers.map((a) => a.status)).toEqual([400, 400]);
    expect(answers.filter((a) => a.body['details'] === undefined)).toHaveLength(1);
  });

  it('works at its own provider only', async () => {
    const state = stateOf((await start()).url);
    expect((await callback('google_health', `state=${state}&code=y`)).status).toBe(400);
    const denied = await callback('strava', `state=${state}&error=access_denied`);
    expect(denied.body['code']).toBe('consent_denied');
  });
});

it('starts one flow at a time: two connects share one integration', async () => {
  const flows = await Promise.all([start(), start(), start()]);
  expect(new Set(flows.map((f) => f.id)).size).toBe(1);
});

it('answers a disconnect 202 again and again, with one workflow', async () => {
  const { id } = await connect();
  const first = await api.call(key, 'DELETE', `/v1/integrations/${id}`);
  const second = await api.call(key, 'DELETE', `/v1/integrations/${id}`);
  const expected = { integrationId: id, workflowId: disconnectWorkflowId(id), status: 'accepted' };
  expect([first.status, first.body]).toEqual([202, expected]);
  expect([second.status, second.body]).toEqual([202, expected]);
  const handle = api.namespace.client.workflow.getHandle(disconnectWorkflowId(id));
  expect((await handle.describe()).status.name).toBe('RUNNING');
});

it('answers a wait that is over 202 while the run goes on', async () => {
  const { id } = await connect();
  const answer = await api.call(key, 'POST', `/v1/integrations/${id}/sync`, undefined, { prefer: 'wait=1' });
  expect(answer.status).toBe(202);
  expect(answer.headers.get('preference-applied')).toBe('wait=1');
});

describe('the browser', () => {
  it('is sent to the registered URL, and nowhere else', async () => {
    const returnUrls = ['https://one.example/cb?a=1'];
    const app = await createApp(api.database.db, { name: 'x', tier: 'free', returnUrls });
    const ownKey = await api.keyOf(app.id, userId);
    const path = '/v1/integrations/strava/connect';
    const refused = await api.call(ownKey, 'POST', path, { returnUrl: 'https://one.example/cb' });
    expect(refused.status).toBe(400);
    const started = await api.call(ownKey, 'POST', path, { returnUrl: 'https://one.example/cb?a=1' });
    const state = new URL(String(started.body['authorizationUrl'])).searchParams.get('state')!;
    const redirect = await api.call(
      null,
      'GET',
      `/v1/integrations/strava/callback?state=${state}&error=access_denied`,
      undefined,
      { accept: 'text/html' },
    );
    expect(redirect.status).toBe(302);
    expect(Object.fromEntries(new URL(redirect.headers.get('location')!).searchParams)).toEqual({
      a: '1',
      integrationId: started.body['integrationId'],
      status: 'pending',
      code: 'consent_denied',
    });
  });

  it('gets a readable page that repeats nothing of the request', async () => {
    const answer = await api.call(null, 'GET', '/v1/integrations/strava/callback?state=<script>', undefined, {
      accept: 'text/html',
    });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
    expect(String(answer.body['text'])).toContain('not valid any more');
    expect(String(answer.body['text'])).not.toContain('<script>');
  });
});
