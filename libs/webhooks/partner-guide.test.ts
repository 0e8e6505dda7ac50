import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runInThisContext } from 'node:vm';
import { transformSync } from '@swc/core';
import { Webhook } from 'standardwebhooks';
import { newWebhookSecret, signWebhook } from './signing';
import { verifyWebhook } from './verify';

/** The code blocks partners copy, by language. Each must be run below. */
const GUIDE = readFileSync(join(__dirname, '../../docs/webhooks-verify.md'), 'utf8');
const BLOCKS = [...GUIDE.matchAll(/^```(\S*)\n([\s\S]*?)^```$/gm)].map(
  ([, language, code]) => [language!, code!] as const,
);
const blockOf = (language: string): string => BLOCKS.find(([name]) => name === language)![1];

interface Case {
  name: string;
  headers: Record<string, string>;
  body: string;
  secret: string;
  genuine: boolean;
}

const BODY = '{"id":"evt_1","note":"Größe · 体重","n":1.0}\n';
const [secret, older] = [newWebhookSecret(), newWebhookSecret()];

function signed({ ageS = 0, secrets = [secret], body = BODY } = {}): Record<string, string> {
  const timestampS = Math.floor(Date.now() / 1000) - ageS;
  const headers = signWebhook({ eventId: 'evt_1', timestampS, body, secrets });
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function cases(): Case[] {
  const genuine = { headers: signed(), body: BODY, secret, genuine: true };
  const forged = { ...genuine, genuine: false };
  const both = signed({ secrets: [secret, older] });
  const { 'x-diettracker-signature': signature = '', ...unsigned } = signed();
  const withSignature = (text: string) => ({ ...unsigned, 'x-diettracker-signature': text });
  const digest = signature.split('v1=')[1]!;
  return [
    { ...genuine, name: 'a request of ours' },
    { ...genuine, name: 'an empty body', headers: signed({ body: '' }), body: '' },
    { ...genuine, name: 'a rotation, with the new secret', headers: both },
    { ...genuine, name: 'a rotation, with the old secret', headers: both, secret: older },
    { ...genuine, name: 'four minutes old', headers: signed({ ageS: 240 }) },
    { ...forged, name: 'a rotation, with a third secret', headers: both, secret: newWebhookSecret() },
    { ...forged, name: 'a tampered body', body: BODY.replace('evt_1', 'evt_2') },
    { ...forged, name: 'a body that was parsed and written again', body: JSON.stringify(JSON.parse(BODY)) },
    { ...forged, name: 'a wrong secret', secret: older },
    { ...forged, name: 'an old timestamp', headers: signed({ ageS: 400 }) },
    { ...forged, name: 'a timestamp of the future', headers: signed({ ageS: -400 }) },
    { ...forged, name: 'another event id', headers: { ...signed(), 'webhook-id': 'evt_2' } },
    {
      ...forged,
      name: 'a moved timestamp',
      headers: withSignature(signature.replace(/\d(?=,)/, (d) => `${9 - Number(d)}`)),
    },
    { ...forged, name: 'no header at all', headers: {} },
    { ...forged, name: 'no signature', headers: unsigned },
    { ...forged, name: 'no timestamp', headers: withSignature(`v1=${digest}`) },
    { ...forged, name: 'half a signature', headers: withSignature(signature.slice(0, -2)) },
    { ...forged, name: 'no hex', headers: withSignature(signature.replace(digest, 'zz')) },
    { ...forged, name: 'an absurd timestamp', headers: withSignature(`t=${'9'.repeat(400)},v1=${digest}`) },
    { ...forged, name: 'nonsense', headers: withSignature(',,=,t,v1=,t=,') },
  ];
}

const verdicts = (of: readonly Case[], results: readonly boolean[]) =>
  of.map(({ name }, i) => ({ name, genuine: results[i] }));
const expected = (of: readonly Case[]) => of.map(({ name, genuine }) => ({ name, genuine }));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'partner-guide-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): string {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
  return join(folder, path);
}

const HOW_TO_GET: Readonly<Record<string, string>> = {
  python3: 'Python 3.9 or newer: https://www.python.org/downloads/ or `apt-get install python3`',
  go: 'Go 1.21 or newer: https://go.dev/dl/ or `apt-get install golang-go`',
  sh: 'a POSIX shell',
};

/** Runs a program in the folder. @throws Error that says how to get it when it is missing, or with what it wrote */
async function run(program: string, args: string[], input = '', env = {}): Promise<string> {
  const child = promisify(execFile)(program, args, { cwd: folder, env: { ...process.env, ...env } });
  child.child.stdin?.end(input);
  try {
    return (await child).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT' && program in HOW_TO_GET)
      throw new Error(`The snippets of docs/webhooks-verify.md need ${HOW_TO_GET[program]}`, {
        cause: error,
      });
    throw new Error(`${program} failed (${String(code)}):\n${stderr}`, { cause: error });
  }
}

test('every block of the guide is run here', () => {
  expect(BLOCKS.map(([language]) => language)).toEqual(['ts', 'python', 'go', 'sh']);
});

test('our own verifier and the Standard Webhooks library agree with the cases', () => {
  const all = cases();
  const ours = all.map(({ headers, body, secret: key }) => verifyWebhook(headers, body, key).valid);
  expect(verdicts(all, ours)).toEqual(expected(all));
  expect(new Webhook(older).verify(BODY, signed({ secrets: [secret, older] }))).toEqual(JSON.parse(BODY));
});

test('the TypeScript snippet', () => {
  type Check = (headers: Record<string, string>, rawBody: string | Uint8Array, secret: string) => boolean;
  const { code } = transformSync(blockOf('ts'), {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const exported: { isFromDietTracker?: Check } = {};
  runInThisContext(`(exports, require) => {${code}}`)(exported, createRequire(__filename));
  const check = exported.isFromDietTracker!;
  const all = cases();
  for (const asSent of [(text: string) => text, (text: string) => Buffer.from(text)])
    expect(
      verdicts(
        all,
        all.map((c) => check(c.headers, asSent(c.body), c.secret)),
      ),
    ).toEqual(expected(all));
});

test('the Python snippet', async () => {
  write('diettracker.py', blockOf('python'));
  const main = write(
    'main.py',
    `import json, sys
from diettracker import is_from_diettracker as check
print(json.dumps([check(c["headers"], c["body"].encode(), c["secret"]) for c in json.load(sys.stdin)]))
`,
  );
  const all = cases();
  const printed = await run('python3', [main], JSON.stringify(all));
  expect(verdicts(all, JSON.parse(printed) as boolean[])).toEqual(expected(all));
});

test('the Go snippet', async () => {
  write('go.mod', 'module snippet\n\ngo 1.21\n');
  write('diettracker/check.go', blockOf('go'));
  write(
    'main.go',
    `package main

import (
	"encoding/json"
	"net/http"
	"os"
	"snippet/diettracker"
)

func main() {
	var cases []struct {
		Headers      map[string]string
		Body, Secret string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	results := []bool{}
	for _, c := range cases {
		header := http.Header{}
		for name, value := range c.Headers {
			header.Set(name, value)
		}
		results = append(results, diettracker.IsFromDietTracker(header, []byte(c.Body), c.Secret))
	}
	json.NewEncoder(os.Stdout).Encode(results)
}
`,
  );
  await run('go', ['build', '-o', 'check', '.'], '', { GOFLAGS: '', GOTOOLCHAIN: 'local', GOWORK: 'off' });
  const all = cases();
  const printed = await run(join(folder, 'check'), [], JSON.stringify(all));
  expect(verdicts(all, JSON.parse(printed) as boolean[])).toEqual(expected(all));
});

test('the curl and openssl snippet makes requests that verify', async () => {
  const seen: { headers: Record<string, string>; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push({
        headers: request.headers as Record<string, string>,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = { URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, SECRET: secret };
  try {
    expect(await run('sh', ['-euc', blockOf('sh')], '', env)).toBe('204\n');
  } finally {
    server.close();
  }
  const [{ headers, body }] = seen as [(typeof seen)[number]];
  expect(verifyWebhook(headers, body, secret).valid).toBe(true);
  expect(new Webhook(secret).verify(body, headers)).toEqual({ id: 'evt_test', type: 'ping', data: {} });
  expect(headers['content-type']).toBe('application/json');
});
