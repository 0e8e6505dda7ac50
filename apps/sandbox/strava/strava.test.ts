import { startSandbox, type Sandbox } from '../server';
import { type CallbackServer, startCallbackServer } from '../testing/callback-server';
import { CLIENT, SandboxClient } from '../testing/sandbox-client';

const DAY_S = 86_400;
const API = '/strava/api/v3';

let nowMs = Date.parse('2026-11-22T12:00:00Z');
let sandbox: Sandbox;
let client: SandboxClient;
let hook: CallbackServer | undefined;

beforeEach(async () => {
  nowMs = Date.parse('2026-11-22T12:00:00Z');
  sandbox = await startSandbox({ port: 0, days: 60, notifyRetryMs: 1 }, { now: () => nowMs });
  client = new SandboxClient(sandbox.url);
});

afterEach(async () => {
  await sandbox.close();
  await hook?.close();
  hook = undefined;
});

const list = async (token: string, query: string): Promise<{ id: number; start_date: string }[]> =>
  (await client.get(`${API}/athlete/activities?${query}`, token)).json as never;

const subscribe = async (answer: (method: string) => number = () => 200): Promise<CallbackServer> => {
  hook = await startCallbackServer(({ method, url }) => ({
    status: answer(method),
    body: JSON.stringify({ 'hub.challenge': url.searchParams.get('hub.challenge') }),
  }));
  return hook;
};
const createSubscription = (url: string) =>
  client.form(`${API}/push_subscriptions`, { ...CLIENT, callback_url: url, verify_token: 'vt' });

test('the dance: consent, one-time code, tokens with athlete', async () => {
  const redirect = await client.consent('strava', { tick: ['read', 'activity:read_all'] });
  expect([redirect.get('state'), redirect.get('scope')]).toEqual(['st&te', 'read,activity:read_all']);
  const code = redirect.get('code') ?? '';
  const answer = await client.exchange('strava', code);
  expect(answer.json).toMatchObject({
    token_type: 'Bearer',
    expires_in: 21_600,
    expires_at: nowMs / 1000 + 21_600,
    athlete: { firstname: 'user-1' },
  });
  expect(answer.json).not.toHaveProperty('scope');
  expect((await client.exchange('strava', code)).status).toBe(400);
  const athlete = await client.get(`${API}/athlete`, String(answer.json['access_token']));
  expect(athlete.json).not.toHaveProperty('weight');
});

test('denial, wrong secret, wrong scope and late codes are refused as Strava does', async () => {
  expect((await client.consent('strava', { decision: 'deny' })).get('error')).toBe('access_denied');
  expect((await client.get('/strava/oauth/authorize?client_id=x')).json['message']).toBe('Bad Request');
  const code = (await client.consent('strava')).get('code') ?? '';
  const wrong = await client.exchange('strava', code, { client_secret: 'nope' });
  expect([wrong.status, wrong.json['errors']]).toEqual([
    401,
    [{ resource: 'Application', field: 'client_secret', code: 'invalid' }],
  ]);
  nowMs += 6 * 60_000;
  expect((await client.exchange('strava', code)).status).toBe(400);
});

test('refresh rotates the refresh token and keeps a young access token', async () => {
  const first = await client.connect('strava');
  const second = await client.refresh('strava', first.refresh);
  expect(second.json['access_token']).toBe(first.access);
  expect(second.json['refresh_token']).not.toBe(first.refresh);
  const dead = await client.refresh('strava', first.refresh);
  expect([dead.status, dead.json]).toEqual([
    400,
    { message: 'Bad Request', errors: [{ resource: 'RefreshToken', field: 'code', code: 'invalid' }] },
  ]);
  nowMs += 5.5 * 3_600_000;
  const third = await client.refresh('strava', String(second.json['refresh_token']));
  expect(third.json['access_token']).not.toBe(first.access);
  expect((await client.control('GET', '/stats')).json['refreshes']).toEqual({ 'strava/user-1': 2 });
});

test('pages hold every activity once, newest first with both bounds, oldest first with after alone', async () => {
  await client.control('PUT', '/accounts/strava/user-1', { days: 60, activities: 450 });
  const { access } = await client.connect('strava');
  const [after, before] = [nowMs / 1000 - 70 * DAY_S, nowMs / 1000];
  const walk = async (bounds: string): Promise<{ id: number; start_date: string }[]> => {
    const all = [];
    for (let page = 1; ; page++) {
      const found = await list(access, `${bounds}&per_page=200&page=${page}`);
      if (found.length === 0) return all;
      all.push(...found);
    }
  };
  const down = await walk(`after=${after}&before=${before}`);
  const up = await walk(`after=${after}`);
  expect(new Set(down.map((a) => a.id)).size).toBe(450);
  expect(down.map((a) => a.id)).toEqual(up.map((a) => a.id).toReversed());
  expect(down.map((a) => a.start_date)).toEqual(
    down
      .map((a) => a.start_date)
      .toSorted()
      .toReversed(),
  );
  expect((await client.get(`${API}/athlete/activities?per_page=201`, access)).status).toBe(400);
});

test('private activities need activity:read_all; nothing is readable without an activity scope', async () => {
  await client.control('POST', '/records/strava/user-1/activity', { private: true, name: 'secret' });
  const textFor = async (clientId: string, scope: string): Promise<string> => {
    const options = { tick: scope.split(','), params: { client_id: clientId, scope } };
    const code = (await client.consent('strava', options)).get('code') ?? '';
    const tokens = await client.exchange('strava', code, { client_id: clientId });
    const token = String(tokens.json['access_token']);
    return (await client.get(`${API}/athlete/activities?per_page=200`, token)).text;
  };
  expect(await textFor('app-1', 'read,activity:read_all')).toContain('"secret"');
  const open = await textFor('app-2', 'read,activity:read');
  expect([open.includes('"secret"'), open.startsWith('[{')]).toEqual([false, true]);
  expect(await textFor('app-3', 'read')).toContain('activity:read_permission');
});

test('detail and streams', async () => {
  const { access } = await client.connect('strava');
  const made = await client.control('POST', '/records/strava/user-1/activity', { calories: 300.5 });
  const id = String(made.json['sourceId']);
  expect((await client.get(`${API}/activities/${id}`, access)).json).toMatchObject({
    id: Number(id),
    calories: 300.5,
    resource_state: 3,
  });
  const streams = await client.get(`${API}/activities/${id}/streams?keys=heartrate&key_by_type=true`, access);
  expect(Object.keys(streams.json)).toEqual(['time', 'distance', 'heartrate']);
  expect((await client.get(`${API}/activities/77`, access)).status).toBe(404);
});

test('limits: both header pairs, 429 body, a new quarter hour', async () => {
  await client.control('PUT', '/limits', { strava: '200,2000;2,1000' });
  const { access } = await client.connect('strava');
  const first = await client.get(`${API}/athlete`, access);
  expect([first.headers.get('x-ratelimit-usage'), first.headers.get('x-readratelimit-limit')]).toEqual([
    '1,1',
    '2,1000',
  ]);
  await client.get(`${API}/athlete`, access);
  const over = await client.get(`${API}/athlete`, access);
  expect([over.status, over.json, over.headers.get('retry-after')]).toEqual([
    429,
    {
      message: 'Rate Limit Exceeded',
      errors: [{ resource: 'Application', field: 'read rate limit', code: 'exceeded' }],
    },
    null,
  ]);
  nowMs += 15 * 60_000;
  const later = await client.get(`${API}/athlete`, access);
  expect([later.status, later.headers.get('x-readratelimit-usage')]).toEqual([200, '1,4']);
  expect((await client.control('GET', '/stats')).json['overruns']).toEqual({ strava: 1 });
});

test('subscriptions: handshake, one per app, events of create, edit, delete and deauthorization', async () => {
  const { url, waitFor } = await subscribe();
  const made = await createSubscription(url);
  expect([made.status, made.headers.get('x-readratelimit-usage')]).toEqual([201, ',']);
  expect((await createSubscription(url)).text).toContain('already exists');
  const { access, refresh } = await client.connect('strava');
  const record = await client.control('POST', '/records/strava/user-1/activity', {});
  const path = `/records/strava/user-1/activity/${String(record.json['sourceId'])}`;
  await waitFor(2);
  await client.control('PATCH', path, { name: 'Messy' });
  await client.control('PATCH', path, { distance: 1 });
  await client.control('DELETE', `${path}?notify=false`);
  await waitFor(3);
  const basic = Buffer.from('client-1:sandbox-secret').toString('base64');
  const revoked = await client.form(
    '/strava/oauth/revoke',
    { token: refresh },
    { authorization: `Basic ${basic}` },
  );
  expect(revoked.status).toBe(200);
  const events = (await waitFor(4)).slice(1).map((call) => JSON.parse(call.body) as Record<string, unknown>);
  expect(events.map((e) => [e['object_type'], e['aspect_type'], e['updates']])).toEqual([
    ['activity', 'create', {}],
    ['activity', 'update', { title: 'Messy' }],
    ['athlete', 'update', { authorized: 'false' }],
  ]);
  expect((await client.get(`${API}/athlete`, access)).status).toBe(401);
});

test('a callback that does not echo the challenge is refused; lost events are tried three times', async () => {
  const refusing = await startCallbackServer(() => ({ status: 200, body: '{}' }));
  expect((await createSubscription(refusing.url)).status).toBe(400);
  await refusing.close();
  const { url, waitFor } = await subscribe((method) => (method === 'GET' ? 200 : 500));
  await createSubscription(url);
  await client.connect('strava');
  await client.control('POST', '/records/strava/user-1/activity', {});
  const attempts = await waitFor(3, (call) => call.method === 'POST');
  expect(new Set(attempts.map((call) => call.body)).size).toBe(1);
});

test('an activity that turns private looks deleted to an app without activity:read_all', async () => {
  const { url, waitFor } = await subscribe();
  await createSubscription(url);
  await client.connect('strava', { tick: ['activity:read'], params: { scope: 'activity:read' } });
  const { json } = await client.control('POST', '/records/strava/user-1/activity', {});
  await client.control('PATCH', `/records/strava/user-1/activity/${String(json['sourceId'])}`, {
    private: true,
    name: 'mine',
  });
  const posts = await waitFor(2, (call) => call.method === 'POST');
  expect(posts.map((call) => (JSON.parse(call.body) as { aspect_type: string }).aspect_type)).toEqual([
    'create',
    'delete',
  ]);
});
