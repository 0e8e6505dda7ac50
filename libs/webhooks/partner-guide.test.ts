import { runInThisContext } from 'node:vm';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { transformSync } from '@swc/core';
import { newWebhookSecret, signWebhook } from './signing';

type Check = (headers: Record<string, string>, rawBody: string, secret: string) => boolean;

/** Runs the code block partners copy from docs/webhooks.md. */
function documentedCheck(): Check {
  const guide = readFileSync(join(__dirname, '../../docs/webhooks.md'), 'utf8');
  const source = /```ts\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
  const { code } = transformSync(source, {
    swcrc: false,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  const exported: { isFromDietTracker?: Check } = {};
  runInThisContext(`(exports, require) => {${code}}`)(exported, createRequire(__filename));
  return exported.isFromDietTracker!;
}

test('the check in the partner guide accepts our requests and nothing else', () => {
  const check = documentedCheck();
  const [secret, older] = [newWebhookSecret(), newWebhookSecret()];
  const sign = (timestampS: number) =>
    Object.fromEntries(
      Object.entries(
        signWebhook({ eventId: 'evt_1', timestampS, body: '{"ü":1}', secrets: [secret, older] }),
      ).map(([name, value]) => [name.toLowerCase(), value]),
    );
  const nowS = Math.floor(Date.now() / 1000);
  expect(check(sign(nowS), '{"ü":1}', secret)).toBe(true);
  expect(check(sign(nowS), '{"ü":1}', older)).toBe(true);
  expect(check(sign(nowS), '{"ü":2}', secret)).toBe(false);
  expect(check(sign(nowS), '{"ü":1}', newWebhookSecret())).toBe(false);
  expect(check(sign(nowS - 400), '{"ü":1}', secret)).toBe(false);
  expect(check({ ...sign(nowS), 'webhook-id': 'evt_2' }, '{"ü":1}', secret)).toBe(false);
  expect(check({}, '{"ü":1}', secret)).toBe(false);
});
