import { startLoopbackProvider, type LoopbackProvider } from './loopback-provider.test-support';
import { createProviderHttp } from './provider-http';

let provider: LoopbackProvider;
beforeAll(async () => {
  provider = await startLoopbackProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
});

const port = (more: { timeoutMs?: number; signal?: AbortSignal } = {}) =>
  createProviderHttp({ runtime: provider.runtime('strava'), accessToken: 'access-1', ...more });

test('GET: base path, encoded query, bearer token', async () => {
  provider.answerWith(200, [{ id: 1 }]);
  await expect(port().getJson('/a/b:reconcile', { filter: 'x >= "2026" AND y', page: 2 })).resolves.toEqual([
    { id: 1 },
  ]);
  const [request] = provider.seen;
  expect(request).toMatchObject({ method: 'GET', path: '/api/a/b:reconcile' });
  expect(Object.fromEntries(request!.query)).toEqual({ filter: 'x >= "2026" AND y', page: '2' });
  expect(request!.headers.authorization).toBe('Bearer access-1');
});

test('POST: a JSON body', async () => {
  provider.answerWith(200, {});
  await port().postJson('/roll', { days: 1 });
  expect(provider.seen[0]).toMatchObject({ method: 'POST', body: '{"days":1}' });
  expect(provider.seen[0]!.headers['content-type']).toBe('application/json');
});

test.each([
  ['HTML with status 200', 200, '<html>', 'provider_bad_data'],
  ['nothing with status 204', 204, '', 'provider_bad_data'],
  ['HTML with status 502', 502, '<html>', 'provider_unavailable'],
  ['401', 401, { message: 'Authorization Error', errors: [] }, 'token_rejected'],
  ['429', 429, 'slow down', 'provider_rate_limited'],
])('%s', async (_what, status, body, code) => {
  provider.answerWith(status, body);
  await expect(port().getJson('/x')).rejects.toMatchObject({ code });
});

test('a redirect is not followed with the token', async () => {
  provider.answerWith(302, '', { location: `${provider.url}/elsewhere` });
  await expect(port().getJson('/x')).rejects.toMatchObject({ code: 'provider_unavailable' });
  expect(provider.seen.map((r) => r.path)).toEqual(['/api/x']);
});

test('a connection cut in the middle of a body', async () => {
  provider.answerBy((_, response) => {
    response.writeHead(200, { 'content-length': '500' }).write('[{"id"');
    response.destroy();
  });
  await expect(port().getJson('/x')).rejects.toMatchObject({ code: 'provider_unavailable' });
});

test('a server that never ends its answer', async () => {
  provider.answerBy((_, response) => void response.writeHead(200).write('['));
  await expect(port({ timeoutMs: 100 }).getJson('/x')).rejects.toMatchObject({
    code: 'provider_unavailable',
  });
});

test('an answer without an end is bounded in size', async () => {
  const megabyte = Buffer.alloc(1024 * 1024, 32);
  provider.answerBy((_, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(megabyte));
      response.once('drain', more);
    };
    more();
  });
  await expect(port().getJson('/x')).rejects.toMatchObject({ code: 'provider_bad_data' });
});

test('nobody listens', async () => {
  const runtime = provider.runtime('strava', { PROVIDER_STRAVA_BASE_URL: 'http://127.0.0.1:1' });
  const http = createProviderHttp({ runtime, accessToken: 'access-1' });
  await expect(http.getJson('/x')).rejects.toMatchObject({ code: 'provider_unavailable' });
});

test('a cancelled caller hears its own reason', async () => {
  const stop = new AbortController();
  provider.answerBy(() => stop.abort(new Error('draining')));
  await expect(port({ signal: stop.signal }).getJson('/x')).rejects.toThrow('draining');
});
