import { ApiProblem, createClient } from '../../libs/api-client/client';
import { createUser } from '../../libs/db/principals.repo';
import { startTestApi, type Answer, type TestApi } from '../support/api';
import { anyApp, anyIntegration, anyUser, grant } from '../support/fixtures';

let api: TestApi;
let key: string;
let userId: string;

beforeAll(async () => {
  api = await startTestApi();
  const { db } = api.database;
  const appId = await anyApp(db);
  userId = await anyUser(db);
  await grant(db, appId, userId);
  key = await api.keyOf(appId);
});

afterAll(() => api.close());

/** Every failure has this shape (RFC 9457). */
function expectProblem(answer: Answer, status: number, code: string): void {
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({ status, code, type: `urn:diettracker:problem:${code}` });
  expect(answer.status).toBe(status);
  expect(answer.body).toEqual(
    expect.objectContaining({
      title: expect.any(String),
      detail: expect.any(String),
      instance: expect.not.stringContaining('?'),
      requestId: answer.headers.get('x-request-id'),
    }),
  );
}

const fieldsOf = (answer: Answer): string[] =>
  (answer.body['details'] as { fields: { field: string }[] }).fields.map((f) => f.field);

describe('credentials', () => {
  it.each([
    [null, 'Bearer realm="diettracker"'],
    ['dtk_wrong', 'Bearer realm="diettracker", error="invalid_token"'],
    [`dtk_${'a'.repeat(43)}`, 'Bearer realm="diettracker", error="invalid_token"'],
  ])('%s is a 401 with a challenge', async (wrong, challenge) => {
    const answer = await api.call(wrong, 'GET', '/v1/users');
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.headers.get('www-authenticate')).toBe(challenge);
  });
});

describe('bodies', () => {
  const post = (body: unknown, headers = {}) => api.call(key, 'POST', '/v1/users', body, headers);

  it.each(['{bad', '[1', '{"displayName":"x","__proto__":{"a":1}}'])('%s is a 400', async (text) =>
    expectProblem(await post(text), 400, 'invalid_request'),
  );

  it('over 256 KiB is a 413', async () =>
    expectProblem(await post({ displayName: 'a'.repeat(256 * 1024) }), 413, 'payload_too_large'));

  it('of another type is a 415', async () =>
    expectProblem(await post('x', { 'content-type': 'text/plain' }), 415, 'unsupported_media_type'));

  it('lists every wrong field', async () => {
    const answer = await post({ displayName: 'a\u0000', email: 'x', scopes: ['nope'], zip: 1, zap: 2 });
    expectProblem(answer, 400, 'invalid_request');
    expect(fieldsOf(answer)).toEqual(['displayName', 'email', 'scopes.0', 'zip', 'zap']);
  });

  it('may be left out or empty where everything in it is optional', async () => {
    const path = '/v1/integrations/strava/connect';
    expect(fieldsOf(await api.call(key, 'POST', path))).toEqual(['userId']);
    expect(fieldsOf(await api.call(key, 'POST', path, ''))).toEqual(['userId']);
  });

  it('with an e-mail address that is taken is a 409', async () => {
    await createUser(api.database.db, { displayName: 'Ann', email: 'ann@example.org' });
    expectProblem(await post({ displayName: 'Ann', email: 'ann@example.org' }), 409, 'conflict');
  });
});

describe('addresses', () => {
  it.each([
    ['GET', '/nope', 404, 'not_found'],
    ['DELETE', '/v1/users', 404, 'not_found'],
    ['GET', '/v1/runs/%zz', 400, 'invalid_request'],
    ['GET', `/v1/runs/${'a'.repeat(300)}`, 400, 'invalid_request'],
    ['GET', '/v1/runs/run_1', 404, 'not_found'],
    ['GET', '/v1/integrations/strava', 404, 'not_found'],
    ['GET', '/v1/weight?from=yesterday', 400, 'invalid_request'],
    ['GET', '/v1/weight?limit=501', 400, 'invalid_request'],
    ['GET', '/v1/weight?provider=nope', 400, 'invalid_request'],
    ['GET', '/v1/users?limit=1&limit=2', 400, 'invalid_request'],
    ['GET', '/v1/users?cursor=zzz', 400, 'invalid_request'],
    ['GET', '/v1/users?page=2', 400, 'invalid_request'],
  ])('%s %s is a %s', async (method, path, status, code) =>
    expectProblem(await api.call(key, method, path), status, code),
  );

  it('name the known providers when one is unknown', async () => {
    for (const provider of ['nope', 'garmin']) {
      const answer = await api.call(key, 'POST', `/v1/integrations/${provider}`, { userId });
      expectProblem(answer, 404, 'unknown_provider');
      expect(answer.body['details']).toEqual({ known: ['google_health', 'strava'] });
    }
  });
});

describe('sync now', () => {
  it.each([
    ['needs_reauth', 'reauth_required'],
    ['paused', 'conflict'],
    ['pending', 'conflict'],
    ['disconnected', 'integration_gone'],
  ] as const)('in the state %s is a 409 %s', async (status, code) => {
    const other = await anyUser(api.database.db);
    const appId = await anyApp(api.database.db);
    await grant(api.database.db, appId, other);
    const { integrationId } = await anyIntegration(api.database.db, other, 'strava', { status });
    const answer = await api.call(await api.keyOf(appId), 'POST', `/v1/integrations/${integrationId}/sync`);
    expectProblem(answer, 409, code);
    expect(answer.body['details']).toMatchObject({ integrationId, status });
  });
});

describe('webhook endpoints', () => {
  const create = (body: object) => api.call(key, 'POST', '/v1/webhooks/endpoints', body);

  it.each(['http://partner.example/', 'https://10.0.0.1/', 'https://u:p@partner.example/', 'ftp://x', 'x'])(
    '%s is refused',
    async (url) => expectProblem(await create({ url }), 400, 'invalid_request'),
  );

  it('show the secret once and refuse the same URL twice', async () => {
    const first = await create({ url: 'https://partner.example/hook', eventTypes: ['weight.*'] });
    expect(first.status).toBe(201);
    expect(first.body['secret']).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const read = await api.call(key, 'GET', `/v1/webhooks/endpoints/${String(first.body['id'])}`);
    expect(read.body).toMatchObject({ status: 'enabled', eventTypes: ['weight.*'], payload: 'thin' });
    expect(JSON.stringify(read.body)).not.toContain('whsec_');
    expectProblem(await create({ url: 'https://partner.example/hook' }), 409, 'conflict');
  });

  it('take known event types only', async () => {
    const answer = await create({ url: 'https://partner.example/2', eventTypes: ['weight.created', 'x.y'] });
    expect(fieldsOf(answer)).toEqual(['eventTypes.1']);
  });
});

it('goes through a list page by page without loss or repeat', async () => {
  const appId = await anyApp(api.database.db);
  const client = createClient(api.url, await api.keyOf(appId));
  const made: string[] = [];
  for (const displayName of ['a', 'b', 'c', 'd', 'e']) {
    made.push((await client.request('post', '/v1/users', { body: { displayName } })).id);
  }
  const missing = client.request('get', '/v1/runs/{id}', { path: { id: 'run_1' } });
  await expect(missing).rejects.toThrow(ApiProblem);
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 2, ...(cursor === undefined ? {} : { cursor }) };
    const page = await client.request('get', '/v1/users', { query });
    seen.push(...page.data.map((user) => user.id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(made.toReversed());
});

describe('without credentials', () => {
  it('health, readiness, metrics, the document and its page answer, with strict headers', async () => {
    for (const path of ['/health', '/ready', '/metrics', '/openapi.json', '/docs']) {
      const answer = await api.call(null, 'GET', path);
      expect([path, answer.status]).toEqual([path, 200]);
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    }
  });
});

it('says 503 while the workflow engine is away, and keeps answering the rest', async () => {
  const lone = await startTestApi({ TEMPORAL_ADDRESS: '127.0.0.1:1' });
  try {
    const appId = await anyApp(lone.database.db);
    const user = await anyUser(lone.database.db);
    const { integrationId } = await anyIntegration(lone.database.db, user, 'strava');
    const userKey = await lone.keyOf(appId, user);
    const answers = await Promise.all([
      lone.call(userKey, 'POST', `/v1/integrations/${integrationId}/sync`),
      lone.call(userKey, 'DELETE', `/v1/integrations/${integrationId}`),
      lone.call(null, 'GET', '/ready'),
    ]);
    for (const answer of answers) {
      expectProblem(answer, 503, 'engine_unavailable');
      expect(answer.headers.get('retry-after')).toBe('5');
    }
    expect((await lone.call(userKey, 'GET', `/v1/integrations/${integrationId}`)).status).toBe(200);
  } finally {
    await lone.close();
  }
});
