import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Agent } from 'undici';
import { openEgress } from './egress';
import { postWebhook, type WebhookResponse } from './post-webhook';

let server: Server;
let egress: Agent;
const blocked = openEgress({ allowLoopback: false, proxyUrl: null });

beforeAll(() => {
  egress = openEgress({ allowLoopback: true, proxyUrl: null });
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});
afterAll(() => Promise.all([egress.destroy(), blocked.destroy()]));

async function listen(handler: RequestListener): Promise<string> {
  server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

const post = (url: string, options: { timeoutMs?: number; signal?: AbortSignal; pool?: Agent } = {}) => {
  const { pool, ...rest } = options;
  return postWebhook(pool ?? egress, { url, headers: { 'X-Test': '1' }, body: '{"a":1}', ...rest });
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

test('sends method, headers and the exact body, and reports 2xx without an error', async () => {
  const seen: unknown[] = [];
  const url = await listen((request, response) => {
    void bodyOf(request).then((body) => {
      seen.push([request.method, request.headers['x-test'], body]);
      response.writeHead(202).end('thanks');
    });
  });
  expect(await post(url)).toMatchObject({ statusCode: 202, error: null, responseExcerpt: 'thanks' });
  expect(seen).toEqual([['POST', '1', '{"a":1}']]);
});

test.each([
  [500, 'http_500'],
  [404, 'http_404'],
  [410, 'http_410'],
])('%i is the error %s', async (status, error) => {
  const url = await listen((_, response) => response.writeHead(status, { 'retry-after': '7' }).end());
  expect(await post(url)).toMatchObject({
    statusCode: status,
    error,
    retryAfterMs: 7_000,
    responseExcerpt: null,
  });
});

test('a redirect is an error and is not followed', async () => {
  const paths: (string | undefined)[] = [];
  const url = await listen((request, response) => {
    paths.push(request.url);
    response.writeHead(307, { location: '/other' }).end();
  });
  expect(await post(url)).toMatchObject({ statusCode: 307, error: 'redirect_refused' });
  expect(paths).toEqual(['/hook']);
});

test('an endless body is cut off and the status stands', async () => {
  let sent = 0;
  const cut = new Promise<void>((resolve) => {
    void listen((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        sent += 16_384;
        if (!response.destroyed) response.write(Buffer.alloc(16_384, 'x'), more);
      };
      response.on('close', resolve);
      more();
    }).then(async (url) => {
      const answer: WebhookResponse = await post(url);
      expect(answer).toMatchObject({ statusCode: 200, error: null });
      expect(answer.responseExcerpt).toHaveLength(1024);
    });
  });
  await cut;
  expect(sent).toBeLessThan(10_000_000);
});

test('an endpoint that never answers times out; one whose body never ends keeps its status', async () => {
  const url = await listen((request, response) => {
    if (request.url !== '/hook') response.writeHead(200).write('half');
  });
  expect(await post(url, { timeoutMs: 50 })).toMatchObject({ statusCode: null, error: 'timeout' });
  expect(await post(url.replace('/hook', '/slow'), { timeoutMs: 200 })).toMatchObject({
    statusCode: 200,
    error: null,
    responseExcerpt: 'half',
  });
});

test('an endpoint that only ever sends interim answers, or headers without end, is cut off', async () => {
  const url = await listen((request, response) => {
    const { socket } = request;
    if (request.url === '/hook') {
      const interim = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'), 5);
      socket.on('close', () => clearInterval(interim));
    } else response.writeHead(200, { 'x-long': 'x'.repeat(17_000) }).end();
  });
  expect(await post(url, { timeoutMs: 100 })).toMatchObject({ statusCode: null, error: 'timeout' });
  expect(await post(url.replace('/hook', '/long'))).toMatchObject({ error: 'headers_too_large' });
});

test('what is no HTTP, and what is no URL, is named', async () => {
  const url = await listen((request) => request.socket.end('SSH-2.0-OpenSSH_9.9\r\n'));
  expect(await post(url)).toMatchObject({ statusCode: null, error: 'bad_response' });
  expect(await post('no url')).toMatchObject({ statusCode: null, error: 'invalid_url' });
});

test('what PostgreSQL cannot store is kept out of the excerpt', async () => {
  const url = await listen((_, response) => response.end(`a\u0000b${'😀'.repeat(600)}`));
  const { responseExcerpt } = await post(url);
  expect(responseExcerpt?.startsWith('a b😀')).toBe(true);
  expect(responseExcerpt?.isWellFormed()).toBe(true);
});

test('a connection that breaks, a closed port and an unknown name are named', async () => {
  const url = await listen((request) => request.socket.destroy());
  expect(await post(url)).toMatchObject({ statusCode: null, error: 'connection_lost' });
  expect(await post('http://127.0.0.1:1/')).toMatchObject({ error: 'connection_refused' });
  expect(await post('https://name.invalid/')).toMatchObject({ statusCode: null, error: 'dns_failed' });
});

test('an abort of ours is told apart from a timeout', async () => {
  const abort = new AbortController();
  const url = await listen(() => abort.abort());
  expect(await post(url, { signal: abort.signal })).toMatchObject({ error: 'aborted' });
  expect(await post(url, { signal: AbortSignal.abort() })).toMatchObject({ error: 'aborted' });
});

test('no request reaches a loopback address, however it is written, unless allowed', async () => {
  let requests = 0;
  let connections = 0;
  const url = await listen((_, response) => {
    requests += 1;
    response.end();
  });
  server.on('connection', () => (connections += 1));
  const { port } = new URL(url);
  for (const scheme of ['http', 'https'])
    for (const host of ['127.0.0.1', '2130706433', '[::ffff:7f00:1]', 'localhost', '0.0.0.0'])
      expect(await post(`${scheme}://${host}:${port}/`, { pool: blocked })).toMatchObject({
        statusCode: null,
        error: scheme === 'http' && host === 'localhost' ? 'https_required' : 'address_blocked',
      });
  expect({ requests, connections }).toEqual({ requests: 0, connections: 0 });
  expect(await post(`http://localhost:${port}/`)).toMatchObject({ statusCode: 200 });
});
