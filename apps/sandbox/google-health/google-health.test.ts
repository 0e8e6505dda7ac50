import { createPublicKey, verify } from 'node:crypto';
import { type Sandbox, startSandbox } from '../server';
import { type CallbackServer, startCallbackServer } from '../testing/callback-server';
import { GOOGLE_SCOPES, type HttpAnswer, SandboxClient } from '../testing/sandbox-client';

const TYPES = '/google-health/v4/users/me/dataTypes';
const SECRET = 'Bearer hook-secret';

let sandbox: Sandbox;
let client: SandboxClient;
let hook: CallbackServer | undefined;

beforeEach(async () => {
  sandbox = await startSandbox({ port: 0, days: 40, today: '2026-11-22', notifyRetryMs: 1 });
  client = new SandboxClient(sandbox.url);
});

afterEach(async () => {
  await sandbox.close();
  await hook?.close();
  hook = undefined;
});

type Point = Record<string, unknown> & { name?: string; dataPointName?: string };

async function walk(
  token: string,
  path: string,
  query: Record<string, string>,
): Promise<{ pages: HttpAnswer[]; points: Point[] }> {
  const pages: HttpAnswer[] = [];
  const points: Point[] = [];
  for (let pageToken = ''; ;) {
    const page = await client.get(`${path}?${new URLSearchParams({ ...query, pageToken })}`, token);
    pages.push(page);
    points.push(...((page.json['dataPoints'] ?? []) as Point[]));
    const next = page.json['nextPageToken'];
    if (typeof next !== 'string') return { pages, points };
    pageToken = next;
  }
}

const truth = async (stream: string): Promise<Record<string, unknown>[]> =>
  (await client.control('GET', `/truth/google_health/user-1/${stream}`)).json['records'] as never;

const reasonOf = (answer: HttpAnswer): unknown =>
  (answer.json['error'] as { details?: { reason: string }[] }).details?.[0]?.reason;

test('the dance: PKCE, offline access, a refresh token that stays', async () => {
  const redirect = await client.consent('google_health');
  expect(redirect.get('state')).toBe('st&te');
  const answer = await client.exchange('google_health', redirect.get('code') ?? '');
  expect(answer.json).toMatchObject({
    expires_in: 3599,
    token_type: 'Bearer',
    scope: GOOGLE_SCOPES.join(' '),
  });
  const refreshed = await client.refresh('google_health', String(answer.json['refresh_token']));
  expect(refreshed.status).toBe(200);
  expect(refreshed.json).not.toHaveProperty('refresh_token');
  const again = await client.consent('google_health', { params: { prompt: 'select_account' } });
  const second = await client.exchange('google_health', again.get('code') ?? '');
  expect(second.json).not.toHaveProperty('refresh_token');
});

test.each<[string, Record<string, string>, number, string]>([
  ['another verifier', { code_verifier: 'w'.repeat(64) }, 400, 'invalid_grant'],
  ['another redirect_uri', { redirect_uri: 'http://127.0.0.1:9/other' }, 400, 'redirect_uri_mismatch'],
  ['a wrong secret', { client_secret: 'nope' }, 401, 'invalid_client'],
  ['an unknown code', { code: 'nope' }, 400, 'invalid_grant'],
])('%s is refused', async (_name, fields, status, error) => {
  const code = (await client.consent('google_health')).get('code') ?? '';
  const answer = await client.exchange('google_health', code, fields);
  expect([answer.status, answer.json['error']]).toEqual([status, error]);
});

test('revocation ends every token of the grant; a second one says invalid_token', async () => {
  const { access, refresh } = await client.connect('google_health');
  expect((await client.form('/google-health/revoke', { token: access })).text).toBe('{}');
  expect((await client.refresh('google_health', refresh)).json['error']).toBe('invalid_grant');
  const second = await client.form('/google-health/revoke', { token: refresh });
  expect([second.status, second.json['error']]).toEqual([400, 'invalid_token']);
});

test('tokens outlive a restart with the same seed but not a reset', async () => {
  const { access, refresh } = await client.connect('google_health');
  const other = await startSandbox({ port: 0 });
  const there = new SandboxClient(other.url);
  expect((await there.get(`${TYPES}/weight/dataPoints`, access)).status).toBe(200);
  await there.control('POST', '/reset', {});
  expect((await there.get(`${TYPES}/weight/dataPoints`, access)).status).toBe(401);
  expect((await there.refresh('google_health', refresh)).status).toBe(400);
  await other.close();
});

test.each(['', ':reconcile'])(
  'pages of dataPoints%s hold every weight once and end with {}',
  async (form) => {
    await client.control('PUT', '/accounts/google_health/user-1', { days: 40, weights: 300 });
    const { access } = await client.connect('google_health');
    const { pages, points } = await walk(access, `${TYPES}/weight/dataPoints${form}`, { pageSize: '100' });
    const names = points.map((p) => (form === '' ? p.name : p.dataPointName)?.split('/').at(-1));
    expect(names).toEqual((await truth('weight')).map((r) => r['sourceId']));
    expect([pages.length, pages.at(-1)?.text, points.length]).toEqual([4, '{}', 300]);
    expect('dataSource' in (points[0] ?? {})).toBe(form === '');
  },
);

test('changes between pages neither repeat nor lose a point', async () => {
  await client.control('PUT', '/accounts/google_health/user-1', { days: 40, weights: 30 });
  const { access } = await client.connect('google_health');
  const path = `${TYPES}/weight/dataPoints?pageSize=10`;
  const first = await client.get(path, access);
  const [newest] = await truth('weight');
  await client.control('DELETE', `/records/google_health/user-1/weight/${String(newest?.['sourceId'])}`);
  const rest = await client.get(
    `${path.replace('10', '100')}&pageToken=${String(first.json['nextPageToken'])}`,
    access,
  );
  expect((rest.json['dataPoints'] as Point[]).length).toBe(20);
});

test('a page token belongs to its query', async () => {
  const { access } = await client.connect('google_health');
  const first = await client.get(`${TYPES}/weight/dataPoints?pageSize=2`, access);
  const token = String(first.json['nextPageToken']);
  const other = await client.get(`${TYPES}/weight/dataPoints:reconcile?pageToken=${token}`, access);
  expect([
    other.status,
    (await client.get(`${TYPES}/weight/dataPoints?pageToken=xx`, access)).status,
  ]).toEqual([400, 400]);
});

test('a physical window is closed-open; a wrong field is INVALID_DATA_POINT_FILTER', async () => {
  const { access } = await client.connect('google_health');
  const records = await truth('weight');
  const [to, from] = [String(records[3]?.['at']), String(records[7]?.['at'])];
  const filter = `weight.sample_time.physical_time >= "${from}" AND weight.sample_time.physical_time < "${to}"`;
  const { points } = await walk(access, `${TYPES}/weight/dataPoints`, { filter });
  expect(points.length).toBe(4);
  const wrong = await client.get(
    `${TYPES}/exercise/dataPoints?filter=${encodeURIComponent(`exercise.interval.start_time >= "${from}"`)}`,
    access,
  );
  expect([wrong.status, reasonOf(wrong)]).toEqual([400, 'INVALID_DATA_POINT_FILTER']);
});

test('exercise: at most 25 a page, civil window, int64 as strings', async () => {
  await client.control('PUT', '/accounts/google_health/user-1', { days: 40, activities: 60 });
  const { access } = await client.connect('google_health');
  const filter =
    'exercise.interval.civil_start_time >= "2026-11-01" AND exercise.interval.civil_start_time < "2026-11-11"';
  const path = `${TYPES}/exercise/dataPoints:reconcile`;
  const all = await walk(access, path, { pageSize: '10000' });
  const window = await walk(access, path, { filter });
  const localDate = (r: Record<string, unknown>): string =>
    new Date(Date.parse(String(r['startAt'])) + Number(r['offsetS']) * 1000).toISOString().slice(0, 10);
  const expected = (await truth('activity')).filter(
    (r) => localDate(r) >= '2026-11-01' && localDate(r) < '2026-11-11',
  );
  expect([all.pages.map((p) => ((p.json['dataPoints'] ?? []) as Point[]).length), all.points.length]).toEqual(
    [[25, 25, 10], 60],
  );
  expect(window.points.length).toBe(expected.length);
  expect(expected.length).toBeGreaterThan(5);
  expect(all.pages[0]?.text).toMatch(/"averageHeartRateBeatsPerMinute":"\d+"/);
});

test('an unticked scope is 403 on its data type only', async () => {
  const { access } = await client.connect('google_health', { tick: [GOOGLE_SCOPES[0]] });
  expect((await client.get(`${TYPES}/weight/dataPoints`, access)).status).toBe(200);
  const refused = await client.get(`${TYPES}/exercise/dataPoints`, access);
  expect([refused.status, reasonOf(refused)]).toEqual([403, 'ACCESS_TOKEN_SCOPE_INSUFFICIENT']);
});

test('the quota per user', async () => {
  await client.control('PUT', '/limits', { googleHealthPerMinute: 1 });
  const { access } = await client.connect('google_health');
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await client.get('/google-health/v4/users/me/identity', access));
  const limited = answers.find((a) => a.status === 429);
  expect(limited?.text).toContain('RESOURCE_EXHAUSTED');
});

describe('subscribers', () => {
  const path = '/google-health/v4/projects/42/subscribers';
  const admin = { authorization: 'Bearer service-account' };
  const listen = async (isOpen: boolean): Promise<CallbackServer> => {
    hook = await startCallbackServer(({ headers, body }) => {
      if (headers.authorization !== SECRET && !isOpen) return { status: 401 };
      return { status: body.includes('verification') ? 201 : 204 };
    });
    return hook;
  };
  const create = (endpointUri: string) =>
    client.send(
      'POST',
      `${path}?subscriberId=dt-main`,
      {
        endpointUri,
        subscriberConfigs: [{ dataTypes: ['weight'], subscriptionCreatePolicy: 'AUTOMATIC' }],
        endpointAuthorization: { secret: SECRET },
      },
      admin,
    );

  test('an endpoint that answers without the secret fails the handshake', async () => {
    const { url } = await listen(true);
    expect((await create(url)).text).toContain('FAILED_PRECONDITION');
    expect((await client.call('GET', path, { headers: admin })).text).toBe('{}');
  });

  test('changes are announced as a signed array that echoes the secret', async () => {
    const { url, waitFor } = await listen(false);
    expect((await create(url)).json).toMatchObject({ done: true, response: { state: 'ACTIVE' } });
    await client.connect('google_health');
    await client.control('POST', '/records/google_health/user-1/activity', {});
    await client.control('POST', '/records/google_health/user-1/weight', { weightGrams: 70_000 });
    const [, , call] = await waitFor(3);
    const [notification] = JSON.parse(call?.body ?? '[]') as { data: Record<string, unknown> }[];
    expect(notification?.data).toMatchObject({ operation: 'UPSERT', dataType: 'weight' });
    expect(call?.headers.authorization).toBe(SECRET);
    const keyset = await client.get('/google-health/webhooks/webhooks_public_keyset.json');
    expect(verifySignature(keyset, String(call?.headers['x-healthapi-signature']), call?.body ?? '')).toBe(
      true,
    );
  });
});

/** Checks a Tink signature the long way, as the product must. */
function verifySignature(keyset: HttpAnswer, signature: string, body: string): boolean {
  const [key] = keyset.json['key'] as { keyId: number; keyData: { value: string } }[];
  const proto = Buffer.from(key?.keyData.value ?? '', 'base64');
  const x = proto.subarray(proto.indexOf(0x1a, 8) + 3, proto.indexOf(0x1a, 8) + 35);
  const y = proto.subarray(proto.length - 32);
  const publicKey = createPublicKey({
    key: { kty: 'EC', crv: 'P-256', x: x.toString('base64url'), y: y.toString('base64url') },
    format: 'jwk',
  });
  const raw = Buffer.from(signature, 'base64');
  return (
    raw[0] === 1 &&
    raw.readUInt32BE(1) === key?.keyId &&
    verify('sha256', Buffer.from(body), publicKey, raw.subarray(5))
  );
}
