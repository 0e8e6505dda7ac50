import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { openEgress } from './egress';
import type { ResolveAll } from './guarded-lookup';
import { postWebhook, type WebhookResponse } from './post-webhook';

const closing: { close(): unknown; closeAllConnections?(): void }[] = [];
afterEach(() => {
  for (const server of closing.splice(0)) {
    server.closeAllConnections?.();
    server.close();
  }
});

async function listen<T extends Server | ReturnType<typeof createTlsServer>>(server: T): Promise<number> {
  closing.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

type OnConnect = (request: IncomingMessage, socket: Duplex) => void;

/** A proxy that tells what it was asked; by default it opens every tunnel, to the asked port on loopback. */
async function openProxy(onConnect?: OnConnect) {
  const asked: { path: string | undefined; authorization: string | undefined }[] = [];
  let plainRequests = 0;
  const proxy = createServer((_, response) => {
    plainRequests += 1;
    response.end();
  });
  proxy.on('connect', (request, socket: Duplex) => {
    asked.push({ path: request.url, authorization: request.headers['proxy-authorization'] });
    socket.on('error', () => socket.destroy());
    if (onConnect) return onConnect(request, socket);
    const target = connect(Number(request.url!.split(':').pop()), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(target).pipe(socket);
    });
    target.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  });
  const port = await listen(proxy);
  return { url: `127.0.0.1:${port}`, asked, plainRequests: () => plainRequests };
}

const resolve: ResolveAll = (name) =>
  Promise.resolve([
    { address: '127.0.0.1', family: 4 },
    ...(name.startsWith('mixed') ? [{ address: '10.0.0.1', family: 4 }] : []),
  ]);

async function post(proxyUrl: string, url: string, times = 2): Promise<WebhookResponse[]> {
  const egress = openEgress({ allowLoopback: true, proxyUrl, resolve });
  const answers: WebhookResponse[] = [];
  while (answers.length < times)
    answers.push(
      await postWebhook(egress, { url, headers: { 'X-A': '1' }, body: '{"a":1}', timeoutMs: 5_000 }),
    );
  await egress.destroy();
  return answers;
}

test('requests go through tunnels that are kept, which are asked for by name and with the credentials of the proxy URL', async () => {
  const seen: unknown[] = [];
  const port = await listen(
    createServer((request, response) => {
      seen.push([request.method, request.url, request.headers.host, request.headers['proxy-authorization']]);
      response.end('hi');
    }),
  );
  const proxy = await openProxy();
  const answers = await post(
    `http://us%40er:p%3Aw@${proxy.url}`,
    `http://partner.example:${port}/hook?x=1`,
    6,
  );
  for (const answer of answers)
    expect(answer).toMatchObject({ statusCode: 200, error: null, responseExcerpt: 'hi' });
  const target = `partner.example:${port}`;
  expect(seen).toEqual(Array(6).fill(['POST', '/hook?x=1', target, undefined]));
  const authorization = `Basic ${Buffer.from('us@er:p:w').toString('base64')}`;
  expect(proxy.asked[0]).toEqual({ path: target, authorization });
  // undici uses a socket again only after a turn of the event loop, so requests back to back take turns on two.
  expect(proxy.asked.length).toBeLessThanOrEqual(2);
  expect(proxy.plainRequests()).toBe(0);
});

/** A TLS server without a certificate: it tells which name it was asked for, and fails the handshake. */
async function openTlsEar() {
  const names: string[] = [];
  const port = await listen(
    createTlsServer({
      SNICallback: (name, callback) => {
        names.push(name);
        callback(null);
      },
    }),
  );
  return { port, names };
}

test('https does TLS with the endpoint inside the tunnel', async () => {
  const endpoint = await openTlsEar();
  const proxy = await openProxy();
  const target = `partner.example:${endpoint.port}`;
  const answers = await post(`http://${proxy.url}`, `https://${target}/`);
  for (const answer of answers) expect(answer).toMatchObject({ statusCode: null, error: 'tls_failed' });
  expect(endpoint.names).toEqual(answers.map(() => 'partner.example'));
  expect(proxy.asked[0]?.path).toBe(target);
});

test('a proxy behind https is asked for by its own name', async () => {
  const proxy = await openTlsEar();
  const answers = await post(`https://localhost:${proxy.port}`, 'https://partner.example/');
  for (const answer of answers) expect(answer).toMatchObject({ statusCode: null, error: 'proxy_failed' });
  expect(proxy.names).toEqual(answers.map(() => 'localhost'));
});

test('the proxy hears nothing of a host with any address that is not allowed', async () => {
  const proxy = await openProxy();
  for (const host of ['10.0.0.1', '[fd00::1]', 'mixed.partner.example'])
    for (const answer of await post(`http://${proxy.url}`, `https://${host}/`))
      expect(answer).toMatchObject({ statusCode: null, error: 'address_blocked' });
  expect(proxy.asked).toEqual([]);
});

test('an IPv6 literal and the default port are asked for in full', async () => {
  const proxy = await openProxy((_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
  await post(`http://${proxy.url}`, 'https://[2606:2800:220:1::1]/');
  await post(`http://${proxy.url}`, 'http://93.184.216.34/');
  expect(proxy.asked.map(({ path }) => path)).toEqual([
    ...Array<string>(2).fill('[2606:2800:220:1::1]:443'),
    ...Array<string>(2).fill('93.184.216.34:80'),
  ]);
});

test.each<[string, OnConnect, string]>([
  ['says 407', (_, s) => s.end('HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n'), 'proxy_refused'],
  ['says 502', (_, s) => s.end('HTTP/1.1 502 No\r\n\r\n'), 'proxy_refused'],
  ['hangs up', (_, s) => s.destroy(), 'proxy_failed'],
  ['talks nonsense', (_, s) => s.end('SSH-2.0\r\n\r\n'), 'proxy_failed'],
])('a proxy that %s is named', async (_, onConnect, error) => {
  const proxy = await openProxy(onConnect);
  for (const answer of await post(`http://${proxy.url}`, 'https://partner.example/'))
    expect(answer).toMatchObject({ statusCode: null, error });
});

test('a proxy that is not there is named', async () => {
  for (const answer of await post('http://127.0.0.1:1', 'https://partner.example/'))
    expect(answer).toMatchObject({ statusCode: null, error: 'proxy_failed' });
});
