import { execFileSync } from 'node:child_process';
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { Agent } from 'undici';
import { isAllowedAddress } from './address-guard';
import { openEgress } from './egress';
import { checkEndpointUrl } from './endpoint-url';
import type { ResolveAll } from './guarded-lookup';
import { postWebhook } from './post-webhook';

/**
 * Addresses a webhook must never reach. Each is tried at every gate, whatever the one before says, because a stored row may
 * be older than a rule: when the URL is saved (`refused` with this message, or `saved`), at connect, and at connect behind a
 * proxy. `:PORT` is where a server listens on loopback that must hear nothing.
 */
type Case = readonly [url: string, atSave: RegExp | 'saved', atConnect: 'address_blocked' | 'https_required'];

const LOOPBACK = /loopback/;
const PRIVATE_IP = /private or reserved IP/;
const PRIVATE_NAME = /private network/;
const HTTPS = /https:\/\//;
const USERINFO = /user name or password/;

const CASES: readonly Case[] = [
  // loopback as literal, decimal, octal, hex, short, percent-encoded, full-width, with a trailing dot
  ['https://127.0.0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['http://127.0.0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['http://2130706433:PORT/', LOOPBACK, 'address_blocked'],
  ['https://017700000001:PORT/', LOOPBACK, 'address_blocked'],
  ['https://0x7f000001:PORT/', LOOPBACK, 'address_blocked'],
  ['https://0x7f.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://0177.0.0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://127.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://127.0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://127.255.255.254:PORT/', LOOPBACK, 'address_blocked'],
  ['https://127.0.0.1.:PORT/', LOOPBACK, 'address_blocked'],
  ['https://%31%32%37.0.0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://１２７.０.０.１:PORT/', LOOPBACK, 'address_blocked'],
  ['https://①②⑦。⓪。⓪。①:PORT/', LOOPBACK, 'address_blocked'],
  ['https:127.0.0.1:PORT/', LOOPBACK, 'address_blocked'],
  [' https://127.0.0.1:PORT/\n', LOOPBACK, 'address_blocked'],
  ['https://127.0.\t0.1:PORT/', LOOPBACK, 'address_blocked'],
  ['https://[::1]:PORT/', LOOPBACK, 'address_blocked'],
  ['https://[0:0:0:0:0:0:0:1]:PORT/', LOOPBACK, 'address_blocked'],
  ['https://localhost:PORT/', LOOPBACK, 'address_blocked'],
  ['https://LOCALHOST.:PORT/', LOOPBACK, 'address_blocked'],
  ['https://foo.localhost:PORT/', LOOPBACK, 'address_blocked'],
  ['https://ｌｏｃａｌｈｏｓｔ:PORT/', LOOPBACK, 'address_blocked'],
  ['http://localhost:PORT/', LOOPBACK, 'https_required'],
  // IPv4 inside IPv6: mapped, compatible, NAT64 (RFC 6052, RFC 8215), 6to4, Teredo
  ['https://[::ffff:127.0.0.1]:PORT/', LOOPBACK, 'address_blocked'],
  ['https://[::ffff:7f00:1]:PORT/', LOOPBACK, 'address_blocked'],
  ['https://[::ffff:a9fe:a9fe]/', PRIVATE_IP, 'address_blocked'],
  ['https://[::127.0.0.1]:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://[::ffff:0:127.0.0.1]:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://[64:ff9b::7f00:1]:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://[64:ff9b::5db8:d822]/', PRIVATE_IP, 'address_blocked'],
  ['https://[64:ff9b:1::a00:1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2002:7f00:1::]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2002:a9fe:a9fe::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2001:0:7f00:1::1]/', PRIVATE_IP, 'address_blocked'],
  // private, link-local, shared, special, documentation, benchmarking, multicast, reserved
  ['https://0.0.0.0:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://0:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://0.1.2.3/', PRIVATE_IP, 'address_blocked'],
  ['https://10.0.0.8/', PRIVATE_IP, 'address_blocked'],
  ['https://172.16.0.1/', PRIVATE_IP, 'address_blocked'],
  ['https://172.31.255.254/', PRIVATE_IP, 'address_blocked'],
  ['https://192.168.1.1/', PRIVATE_IP, 'address_blocked'],
  ['https://169.254.169.254/latest/meta-data', PRIVATE_IP, 'address_blocked'],
  ['https://0xA9FEA9FE/', PRIVATE_IP, 'address_blocked'],
  ['https://2852039166/', PRIVATE_IP, 'address_blocked'],
  ['https://0251.0376.0251.0376/', PRIVATE_IP, 'address_blocked'],
  ['https://169.254.170.2/', PRIVATE_IP, 'address_blocked'],
  ['https://100.64.0.1/', PRIVATE_IP, 'address_blocked'],
  ['https://100.100.100.200/', PRIVATE_IP, 'address_blocked'],
  ['https://192.0.0.192/', PRIVATE_IP, 'address_blocked'],
  ['https://192.0.2.1/', PRIVATE_IP, 'address_blocked'],
  ['https://198.51.100.1/', PRIVATE_IP, 'address_blocked'],
  ['https://203.0.113.1/', PRIVATE_IP, 'address_blocked'],
  ['https://198.18.0.1/', PRIVATE_IP, 'address_blocked'],
  ['https://192.88.99.1/', PRIVATE_IP, 'address_blocked'],
  ['https://224.0.0.1/', PRIVATE_IP, 'address_blocked'],
  ['https://239.255.255.250/', PRIVATE_IP, 'address_blocked'],
  ['https://240.0.0.1/', PRIVATE_IP, 'address_blocked'],
  ['https://255.255.255.255/', PRIVATE_IP, 'address_blocked'],
  ['https://[::]:PORT/', PRIVATE_IP, 'address_blocked'],
  ['https://[fe80::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[fec0::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[fc00::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[fd00:ec2::254]/', PRIVATE_IP, 'address_blocked'],
  ['https://[ff02::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2001:db8::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[3fff::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2001:2::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[100::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[5f00::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[4000::1]/', PRIVATE_IP, 'address_blocked'],
  ['https://[2001:20::1]/', PRIVATE_IP, 'address_blocked'],
  // names: metadata hosts, names of a private network, public names with a private address
  ['https://metadata.google.internal/computeMetadata/v1/', PRIVATE_NAME, 'address_blocked'],
  ['https://METADATA.google.internal./', PRIVATE_NAME, 'address_blocked'],
  ['https://printer.local/', PRIVATE_NAME, 'address_blocked'],
  ['https://nas.home.arpa/', PRIVATE_NAME, 'address_blocked'],
  ['https://postgres:5432/', PRIVATE_NAME, 'address_blocked'],
  ['https://intranet.partner.example/', 'saved', 'address_blocked'],
  ['https://intranet.partner.example./', 'saved', 'address_blocked'],
  ['https://intranet.pärtner.example/', 'saved', 'address_blocked'],
  ['https://v6.partner.example/', 'saved', 'address_blocked'],
  ['http://public.partner.example/', HTTPS, 'https_required'],
  // user info that hides the host
  ['https://93.184.216.34@127.0.0.1:PORT/', USERINFO, 'address_blocked'],
  ['https://partner.example:443@169.254.169.254/', USERINFO, 'address_blocked'],
  ['https://partner.example%2F@127.0.0.1:PORT/', USERINFO, 'address_blocked'],
  // a backslash ends the host: this goes to the name, whose address is private
  ['https://intranet.partner.example\\@93.184.216.34/', 'saved', 'address_blocked'],
];

const ADDRESSES: Readonly<Record<string, string[]>> = {
  localhost: ['::1', '127.0.0.1'],
  'localhost.': ['127.0.0.1'],
  'foo.localhost': ['127.0.0.1'],
  'metadata.google.internal': ['169.254.169.254'],
  'metadata.google.internal.': ['169.254.169.254'],
  'printer.local': ['192.168.1.7'],
  'nas.home.arpa': ['192.168.1.8'],
  postgres: ['172.18.0.2'],
  'intranet.partner.example': ['10.1.2.3'],
  'intranet.partner.example.': ['10.1.2.3'],
  'intranet.xn--prtner-bua.example': ['10.1.2.3'],
  'v6.partner.example': ['fd00::5', '::ffff:10.0.0.1'],
  'mixed.partner.example': ['10.1.2.3', '127.0.0.1'],
};

const answers = (addresses: readonly string[]): LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

const resolve: ResolveAll = (name) => {
  const addresses = ADDRESSES[name];
  return addresses
    ? Promise.resolve(answers(addresses))
    : Promise.reject(Object.assign(new Error(name), { code: 'ENOTFOUND' }));
};

const pools: Agent[] = [];
function open(options: Partial<Parameters<typeof openEgress>[0]> = {}): Agent {
  const pool = openEgress({ allowLoopback: false, proxyUrl: null, resolve, ...options });
  pools.push(pool);
  return pool;
}

let trap: Server;
let port: number;
let connections = 0;
let requests = 0;

beforeAll(async () => {
  trap = createServer((request, response) => {
    requests += 1;
    response.writeHead(request.url === '/' ? 200 : 307, {
      location: decodeURIComponent(request.url!.slice(1)),
    });
    response.end();
  });
  trap.on('connection', () => (connections += 1));
  trap.listen(0, '127.0.0.1');
  await once(trap, 'listening');
  port = (trap.address() as AddressInfo).port;
});
beforeEach(() => {
  connections = 0;
  requests = 0;
});
afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.destroy()));
  trap.closeAllConnections();
  trap.close();
});

const post = (pool: Agent, url: string) =>
  postWebhook(pool, { url, headers: {}, body: '{}', timeoutMs: 2_000 });

describe.each(CASES)('%s', (template, atSave, atConnect) => {
  const url = (): string => template.replace(':PORT', `:${port}`);

  test(`at save: ${atSave instanceof RegExp ? 'refused' : atSave}`, () => {
    const check = () => checkEndpointUrl(url(), { allowLoopback: false });
    if (atSave === 'saved') expect(check).not.toThrow();
    else
      expect(check).toThrow(
        expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(atSave) }),
      );
  });

  test(`at connect: ${atConnect}, directly and behind a proxy`, async () => {
    for (const proxyUrl of [null, `http://127.0.0.1:${port}`])
      expect(await post(open({ proxyUrl }), url())).toMatchObject({ statusCode: null, error: atConnect });
    expect(connections).toBe(0);
  });
});

test('the trap can be reached when loopback is allowed, and only by the allowed address of a name', async () => {
  const pool = open({ allowLoopback: true });
  for (const host of ['127.0.0.1', '2130706433', 'localhost', 'mixed.partner.example'])
    expect(await post(pool, `http://${host}:${port}/`)).toMatchObject({ statusCode: 200 });
  expect(requests).toBe(4);
});

test('a name that answers public when it is looked at and private at connect is blocked', async () => {
  const turns = [['93.184.216.34'], ['127.0.0.1']];
  const rebinding: ResolveAll = () => Promise.resolve(answers(turns.shift()!));
  const seen = await rebinding('rebind.example', { all: true });
  expect(seen.every(({ address }) => isAllowedAddress(address, false))).toBe(true);
  expect(await post(open({ resolve: rebinding }), `https://rebind.example:${port}/`)).toMatchObject({
    error: 'address_blocked',
  });
  expect({ connections, left: turns.length }).toEqual({ connections: 0, left: 0 });
});

test('an address that changes between the check and the connection is caught at the peer', async () => {
  const [key, cert] = selfSigned('rebind.example');
  const ear = createTlsServer({ key, cert }, (_, response) => response.end()).listen(0, '127.0.0.1');
  await once(ear, 'listening');
  ear.on('request', () => (requests += 1));
  const trusted = getCACertificates('default');
  setDefaultCACertificates([...trusted, cert]);
  try {
    const url = `https://rebind.example:${(ear.address() as AddressInfo).port}/`;
    const turns = ['93.184.216.34'];
    const changing: LookupAddress = {
      family: 4,
      get address() {
        return turns.shift() ?? '127.0.0.1';
      },
    };
    const pool = open({ resolve: () => Promise.resolve([changing]) });
    expect(await post(pool, url)).toMatchObject({ statusCode: null, error: 'address_blocked' });
    expect(requests).toBe(0);
    const allowing = open({ allowLoopback: true, resolve: () => Promise.resolve(answers(['127.0.0.1'])) });
    expect(await post(allowing, url)).toMatchObject({ statusCode: 200 });
  } finally {
    setDefaultCACertificates(trusted);
    ear.closeAllConnections();
    ear.close();
  }
});

/** A key and a certificate that lives for a day, in PEM. */
function selfSigned(name: string): [key: string, cert: string] {
  const pem = execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', `/CN=${name}`].concat([
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      '-',
      '-out',
      '-',
    ]),
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const at = pem.indexOf('-----BEGIN CERTIFICATE');
  return [pem.slice(0, at), pem.slice(at)];
}

test('a redirect to a private address is not followed', async () => {
  const pool = open({ allowLoopback: true });
  const targets = [`http://127.0.0.1:${port}/`, 'http://169.254.169.254/', '//10.0.0.1/'];
  for (const target of targets)
    expect(await post(pool, `http://127.0.0.1:${port}/${encodeURIComponent(target)}`)).toMatchObject({
      statusCode: 307,
      error: 'redirect_refused',
    });
  expect(requests).toBe(targets.length);
});

test.each(['93.184.216.34', '8.8.8.8', '1.1.1.1', '100.63.255.255', '172.32.0.1', '2606:2800:220:1::1'])(
  'the public address %s is allowed',
  (address) => {
    expect(isAllowedAddress(address, false)).toBe(true);
    expect(isAllowedAddress(`::ffff:${address}`, false)).toBe(!address.includes(':'));
  },
);
