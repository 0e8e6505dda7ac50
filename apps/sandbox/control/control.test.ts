import { type Sandbox, startSandbox } from '../server';
import { type CallbackServer, startCallbackServer } from '../testing/callback-server';
import { CLIENT, SandboxClient } from '../testing/sandbox-client';

const ATHLETE = '/strava/api/v3/athlete';
const WEIGHTS = '/google-health/v4/users/me/dataTypes/weight/dataPoints';

let sandbox: Sandbox;
let client: SandboxClient;
let hook: CallbackServer | undefined;

beforeEach(async () => {
  sandbox = await startSandbox({ port: 0, days: 10, notifyRetryMs: 1 });
  client = new SandboxClient(sandbox.url);
});

afterEach(async () => {
  await sandbox.close();
  await hook?.close();
  hook = undefined;
});

describe('faults', () => {
  test.each([
    ['server_error', 500],
    ['rate_limited', 429],
    ['html_error', 502],
    ['forbidden_all', 403],
  ])('%s answers %i', async (kind, status) => {
    const { access } = await client.connect('strava');
    await client.arm({ provider: 'strava', kind, times: 1 });
    expect((await client.get(ATHLETE, access)).status).toBe(status);
    expect((await client.get(ATHLETE, access)).status).toBe(200);
  });

  test('rate_limited shows a used-up limit', async () => {
    const { access } = await client.connect('strava');
    await client.arm({ provider: 'strava', kind: 'rate_limited' });
    const { headers } = await client.get(ATHLETE, access);
    const [limit] = headers.get('x-readratelimit-limit')?.split(',').map(Number) ?? [];
    const [usage] = headers.get('x-readratelimit-usage')?.split(',').map(Number) ?? [];
    expect(usage).toBeGreaterThan(limit ?? Number.POSITIVE_INFINITY);
  });

  test('a fault without path spares OAuth; path and account aim it', async () => {
    const one = await client.connect('google_health', { account: 'user-1' });
    await client.arm({ provider: 'google_health', kind: 'server_error', account: 'user-2' });
    const two = await client.connect('google_health', { account: 'user-2' });
    expect((await client.get(WEIGHTS, one.access)).status).toBe(200);
    expect((await client.get(WEIGHTS, two.access)).status).toBe(500);
    await client.arm({ provider: 'google_health', kind: 'server_error', path: '/token', times: 2 });
    expect((await client.get(WEIGHTS, one.access)).status).toBe(200);
    expect((await client.refresh('google_health', one.refresh)).status).toBe(500);
    expect((await client.control('GET', '/faults')).json).toMatchObject({ armed: [{ left: 1, struck: 1 }] });
    await client.control('DELETE', '/faults');
    expect((await client.refresh('google_health', one.refresh)).status).toBe(200);
  });

  test('drop destroys the connection, malformed_json cuts the body, slow waits', async () => {
    const { access } = await client.connect('google_health');
    const whole = await client.get(WEIGHTS, access);
    await client.arm({ provider: 'google_health', kind: 'drop' });
    await expect(client.get(WEIGHTS, access)).rejects.toThrow('fetch failed');
    await client.arm({ provider: 'google_health', kind: 'malformed_json' });
    const cut = await client.get(WEIGHTS, access);
    expect([cut.status, whole.text.startsWith(cut.text), cut.text.length < whole.text.length]).toEqual([
      200,
      true,
      true,
    ]);
    await client.arm({ provider: 'google_health', kind: 'slow', delayMs: 80 });
    const began = performance.now();
    await client.get(WEIGHTS, access);
    expect(performance.now() - began).toBeGreaterThan(75);
  });

  test('drop_after_commit rotates the token although the caller never hears of it', async () => {
    const { refresh } = await client.connect('strava');
    await client.arm({ provider: 'strava', kind: 'drop_after_commit' });
    await expect(client.refresh('strava', refresh)).rejects.toThrow('fetch failed');
    expect((await client.refresh('strava', refresh)).status).toBe(400);
  });

  test('token_expired until refreshed, dead_refresh_token for good', async () => {
    const { access, refresh } = await client.connect('google_health');
    expect(
      (await client.arm({ provider: 'google_health', kind: 'token_expired' })).json['affectedTokens'],
    ).toBe(1);
    expect((await client.get(WEIGHTS, access)).status).toBe(401);
    const { json } = await client.refresh('google_health', refresh);
    expect((await client.get(WEIGHTS, String(json['access_token']))).status).toBe(200);
    await client.arm({ provider: 'google_health', kind: 'dead_refresh_token', account: 'user-1' });
    expect((await client.refresh('google_health', refresh)).json['error']).toBe('invalid_grant');
    expect((await client.get(WEIGHTS, String(json['access_token']))).status).toBe(401);
  });

  test('account_not_linked stays until it is cleared', async () => {
    const { access } = await client.connect('google_health');
    await client.arm({ provider: 'google_health', kind: 'account_not_linked' });
    for (let i = 0; i < 2; i++)
      expect((await client.get(WEIGHTS, access)).text).toContain('ACCOUNT_NOT_LINKED');
    await client.control('DELETE', '/faults');
    expect((await client.get(WEIGHTS, access)).status).toBe(200);
  });

  test('notifications: duplicate, out of order, 404 after notify', async () => {
    hook = await startCallbackServer(({ url }) => ({
      status: 200,
      body: JSON.stringify({ 'hub.challenge': url.searchParams.get('hub.challenge') }),
    }));
    await client.form('/strava/api/v3/push_subscriptions', { ...CLIENT, callback_url: hook.url });
    const { access } = await client.connect('strava');
    const create = async (): Promise<string> =>
      String((await client.control('POST', '/records/strava/user-1/activity', {})).json['sourceId']);
    await client.arm({ provider: 'strava', kind: 'out_of_order_notification', delayMs: 60_000 });
    const first = await create();
    await client.arm({ provider: 'strava', kind: 'duplicate_notification' });
    await client.arm({ provider: 'strava', kind: 'not_found_after_notify' });
    const second = await create();
    const posts = await hook.waitFor(3, (call) => call.method === 'POST');
    const ids = posts.map((call) => String((JSON.parse(call.body) as { object_id: number }).object_id));
    expect(ids).toEqual([second, second, first]);
    expect((await client.get(`/strava/api/v3/activities/${second}`, access)).status).toBe(404);
    expect((await client.get(`/strava/api/v3/activities/${second}`, access)).status).toBe(200);
  });
});

describe('control', () => {
  test.each<[string, string, unknown, number]>([
    ['POST', '/faults', { provider: 'strava', kind: 'meteor' }, 400],
    ['POST', '/faults', { provider: 'fitbit', kind: 'drop' }, 400],
    ['POST', '/faults', { provider: 'strava', kind: 'account_not_linked' }, 400],
    ['POST', '/faults', { provider: 'strava', kind: 'drop', account: 'nobody' }, 404],
    ['PUT', '/accounts/strava/user-1', { days: 0 }, 400],
    ['PUT', '/accounts/strava/user-1', { day: 3 }, 400],
    ['PUT', '/accounts/strava/user-1', { days: 1, activities: 9000 }, 400],
    ['GET', '/truth/strava/user-1/weight', undefined, 400],
    ['GET', '/truth/strava/nobody/activity', undefined, 404],
    ['PATCH', '/records/strava/user-1/activity/1', { name: 'x' }, 404],
    ['POST', '/records/google_health/user-1/weight', { weightGrams: -1 }, 400],
    ['PUT', '/limits', { strava: 'lots' }, 400],
  ])('%s %s %j is %i with a message', async (method, path, body, status) => {
    const answer = await client.control(method, path, body);
    expect([answer.status, typeof answer.json['message']]).toEqual([status, 'string']);
  });

  test('edits and deletions show in the data and in the truth', async () => {
    const { access } = await client.connect('google_health');
    const base = '/records/google_health/user-1/weight';
    const id = String((await client.control('POST', base, { weightGrams: 70_000 })).json['sourceId']);
    await client.control('PATCH', `${base}/${id}`, { weightGrams: 71_500 });
    expect((await client.get(`${WEIGHTS}/${id}`, access)).text).toContain('"weightGrams":71500');
    await client.control('DELETE', `${base}/${id}`);
    expect((await client.get(`${WEIGHTS}/${id}`, access)).status).toBe(404);
    const { json } = await client.control('GET', '/truth/google-health/user-1/weight');
    expect(json['count']).toBe(10);
    expect(json['records']).toContainEqual(expect.objectContaining({ sourceId: id, deleted: true }));
  });

  test('revoke on behalf of the user kills the tokens and is counted', async () => {
    const { access } = await client.connect('strava');
    expect((await client.control('POST', '/revoke/strava/user-1')).json).toEqual({ revokedGrants: 1 });
    expect((await client.get(ATHLETE, access)).status).toBe(401);
    expect((await client.control('GET', '/stats')).json['revocations']).toEqual({ 'strava/user-1': 1 });
  });
});

describe('determinism', () => {
  const snapshot = async (options: { seed?: string; today?: string }): Promise<string[]> => {
    const one = await startSandbox({ port: 0, days: 30, today: '2026-11-22', ...options });
    const there = new SandboxClient(one.url);
    const truths = ['strava/user-2/activity', 'google_health/user-2/weight', 'google_health/user-2/activity'];
    const texts = [];
    for (const path of truths) texts.push((await there.control('GET', `/truth/${path}`)).text);
    await one.close();
    return texts;
  };

  test('the same seed gives the same data, another seed other data', async () => {
    const first = await snapshot({ seed: 'a' });
    expect(await snapshot({ seed: 'a' })).toEqual(first);
    const other = await snapshot({ seed: 'b' });
    expect(other.filter((text, i) => text === first[i])).toEqual([]);
  });

  test('a day later only the edges of the window differ', async () => {
    const records = (text: string): string[] =>
      (JSON.parse(text) as { records: unknown[] }).records.map((r) => JSON.stringify(r));
    const [, today = ''] = await snapshot({});
    const [, tomorrow = ''] = await snapshot({ today: '2026-11-23' });
    expect(records(tomorrow).slice(1)).toEqual(records(today).slice(0, -1));
  });
});
