import { Webhook } from 'standardwebhooks';
import { newWebhookSecret, signWebhook, webhookKey } from './signing';
import { testSignature } from './test-signature';
import { verifyWebhook } from './verify';

const nowS = (): number => Math.floor(Date.now() / 1000);
const BODY = '{"id":"evt_1","note":"Größe · 体重"}';
const signed = (secrets: string[], timestampS = nowS()) =>
  signWebhook({ eventId: 'evt_1', timestampS, body: BODY, secrets });

test('a Standard Webhooks library verifies our headers', () => {
  const secret = newWebhookSecret();
  expect(new Webhook(secret).verify(BODY, signed([secret]))).toEqual(JSON.parse(BODY));
});

test('during a rotation the old and the new secret both verify, a third does not', () => {
  const [newer, older, other] = [newWebhookSecret(), newWebhookSecret(), newWebhookSecret()];
  const headers = signed([newer, older]);
  expect(headers['X-DietTracker-Signature']).toMatch(/^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
  for (const secret of [newer, older]) {
    expect(new Webhook(secret).verify(BODY, headers)).toBeTruthy();
    expect(verifyWebhook(headers, BODY, secret)).toEqual({ valid: true, eventId: 'evt_1' });
  }
  expect(() => new Webhook(other).verify(BODY, headers)).toThrow();
  expect(verifyWebhook(headers, BODY, other)).toMatchObject({ reason: 'signature_mismatch' });
});

test('the signature is the HMAC over id, time and raw body, keyed with the decoded bytes', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  expect(signed([secret], 1_700_000_000)['X-DietTracker-Signature']).toBe(
    't=1700000000,v1=0c3e821b13b28464a4be3fd35e95066d74a878573de3bc777c11a28116e6f0af',
  );
});

test.each([
  ['a flipped byte of the body', (h: Record<string, string>) => h, BODY.replace('evt_1', 'evt_2')],
  ['another event id', (h: Record<string, string>) => ({ ...h, 'webhook-id': 'evt_2' }), BODY],
  [
    'another time',
    (h: Record<string, string>) => ({
      ...h,
      'X-DietTracker-Signature': h['X-DietTracker-Signature']!.replace(/t=\d+/, `t=${nowS() - 1}`),
    }),
    BODY,
  ],
  [
    'a truncated signature',
    (h: Record<string, string>) => ({
      ...h,
      'X-DietTracker-Signature': h['X-DietTracker-Signature']!.slice(0, -2),
    }),
    BODY,
  ],
])('%s is refused', (_, alter, body) => {
  const secret = newWebhookSecret();
  expect(verifyWebhook(alter(signed([secret])), body, secret)).toEqual({
    valid: false,
    reason: 'signature_mismatch',
  });
});

test('a timestamp outside the tolerance is refused, in either direction', () => {
  const secret = newWebhookSecret();
  for (const offsetS of [-301, 302])
    expect(verifyWebhook(signed([secret], nowS() + offsetS), BODY, secret)).toMatchObject({
      reason: 'timestamp_out_of_tolerance',
    });
  expect(verifyWebhook(signed([secret], nowS() - 301), BODY, secret, { toleranceS: 600 }).valid).toBe(true);
});

test('missing headers are refused and header names may be in any case', () => {
  const secret = newWebhookSecret();
  expect(verifyWebhook({}, BODY, secret)).toMatchObject({ reason: 'missing_header' });
  const lower = Object.fromEntries(Object.entries(signed([secret])).map(([k, v]) => [k.toLowerCase(), v]));
  expect(verifyWebhook(lower, BODY, secret).valid).toBe(true);
});

test.each(['whsec_', 'whsec_c2hvcnQ=', `whsec_${'!'.repeat(44)}`, Buffer.alloc(32).toString('base64')])(
  'the malformed secret %s is refused without being quoted',
  (secret) => {
    expect(() => webhookKey(secret)).toThrow(/^a webhook secret must be/);
  },
);

test('a receiver may hold several secrets, and Fetch headers work', () => {
  const [ours, next, other] = [newWebhookSecret(), newWebhookSecret(), newWebhookSecret()];
  const headers = new Headers(signed([ours]));
  expect(verifyWebhook(headers, BODY, [next, ours])).toEqual({ valid: true, eventId: 'evt_1' });
  expect(verifyWebhook(headers, BODY, [next, other])).toMatchObject({ reason: 'signature_mismatch' });
  expect(verifyWebhook(new Headers(), BODY, ours)).toMatchObject({ reason: 'missing_header' });
  expect(() => verifyWebhook(headers, BODY, [])).toThrow('at least one secret');
  expect(() => verifyWebhook({}, BODY, [ours, 'whsec_short'])).toThrow('a webhook secret must be');
});

test('a test signature is accepted like a real one, with the id and the time that were asked for', () => {
  const secret = newWebhookSecret();
  const headers = testSignature({ secret, body: BODY });
  expect(verifyWebhook(headers, BODY, secret).valid).toBe(true);
  expect(new Webhook(secret).verify(BODY, headers)).toBeTruthy();
  expect(headers).toMatchObject({ 'Content-Type': 'application/json' });
  expect(headers['webhook-id']).toMatch(/^evt_[0-9a-f]{32}$/);
  const old = testSignature({ secret, body: BODY, eventId: 'evt_1', timestampS: 1_700_000_000 });
  expect(verifyWebhook(old, BODY, secret)).toMatchObject({ reason: 'timestamp_out_of_tolerance' });
  expect(old).toMatchObject({ 'webhook-id': 'evt_1', 'webhook-timestamp': '1700000000' });
});
