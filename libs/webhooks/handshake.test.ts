import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Agent } from 'undici';
import { openEgress } from './egress';
import { requestHandshake } from './handshake';

const ORIGIN = 'webhooks.diettracker.example';

let server: Server;
let url: string;
let egress: Agent;
let seen: IncomingMessage[] = [];
let status = 200;
let answer: Record<string, string | string[]> = {};

beforeAll(async () => {
  egress = openEgress({ allowLoopback: true, proxyUrl: null });
  server = createServer((request, response) => {
    seen.push(request);
    response.writeHead(status, answer).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?x=1`;
});
beforeEach(() => {
  seen = [];
  status = 200;
});
afterAll(async () => {
  await egress.destroy();
  server.close();
});

const ask = (to = url) =>
  requestHandshake(egress, {
    url: to,
    origin: ORIGIN,
    ratePerMinute: 600,
    headers: { Authorization: 'Bearer x' },
  });

test('asks with OPTIONS, our origin, the rate and the endpoint’s headers', async () => {
  answer = { 'WebHook-Allowed-Origin': ORIGIN, 'WebHook-Allowed-Rate': '120' };
  expect(await ask()).toEqual({ allowedPerMinute: 120 });
  const [request] = seen;
  expect([request?.method, request?.url]).toEqual(['OPTIONS', '/hook?x=1']);
  expect(request?.headers).toMatchObject({
    'webhook-request-origin': ORIGIN,
    'webhook-request-rate': '600',
    authorization: 'Bearer x',
  });
});

test.each<[number, Record<string, string>, number | null]>([
  [200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '*' }, null],
  [204, { 'webhook-allowed-origin': '*' }, null],
  [200, { 'webhook-allowed-origin': ORIGIN.toUpperCase(), 'webhook-allowed-rate': '1' }, 1],
])('%i with %j is an agreement', async (code, headers, allowedPerMinute) => {
  [status, answer] = [code, headers];
  expect(await ask()).toEqual({ allowedPerMinute });
});

test.each<[number, Record<string, string | string[]>, string]>([
  [405, {}, 'answered 405 to'],
  [302, { 'webhook-allowed-origin': '*', location: '/other' }, 'answered 302 to'],
  [200, {}, 'answered 200 without WebHook-Allowed-Origin to'],
  [200, { 'webhook-allowed-rate': '5' }, 'answered 200 without WebHook-Allowed-Origin to'],
  [200, { 'webhook-allowed-origin': 'evil.example' }, 'answered WebHook-Allowed-Origin: "evil.example" to'],
  [200, { 'webhook-allowed-origin': [ORIGIN, 'evil.example'] }, `"${ORIGIN}, evil.example" to`],
  [200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '0' }, 'WebHook-Allowed-Rate: "0" to'],
  [200, { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '1.5' }, 'WebHook-Allowed-Rate: "1.5" to'],
])('%i with %j is none, and the message says what is expected', async (code, headers, part) => {
  [status, answer] = [code, headers];
  await expect(ask()).rejects.toMatchObject({
    code: 'endpoint_unverified',
    message: expect.stringContaining(part),
  });
  await expect(ask()).rejects.toThrow(`WebHook-Allowed-Origin: ${ORIGIN} (or *)`);
  expect(seen.every((request) => request.url === '/hook?x=1')).toBe(true);
});

test('an endpoint that does not answer is told apart', async () => {
  await expect(ask('http://127.0.0.1:1/')).rejects.toThrow('did not answer (connection_refused)');
  await expect(ask('http://10.0.0.1/')).rejects.toThrow('did not answer (address_blocked)');
});
