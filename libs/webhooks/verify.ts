import { timingSafeEqual } from 'node:crypto';
import { webhookDigest, webhookKey } from './signing';

export interface VerifyOptions {
  /** How far the timestamp may be from now, in seconds; 300 by default. */
  toleranceS?: number;
  nowMs?: number;
}

export type Verification =
  | { valid: true; eventId: string }
  | { valid: false; reason: 'missing_header' | 'timestamp_out_of_tolerance' | 'signature_mismatch' };

/** Node's header object, a plain one with names in any case, or the `Headers` of a Fetch request. */
export type ReceivedHeaders =
  Readonly<Record<string, string | string[] | undefined>> | Pick<Headers, 'get' | 'has'>;

/**
 * The receiver's side: checks `X-DietTracker-Signature` of a request against the endpoint's secret, in constant time
 * per signature. `rawBody` is the body as received, before any JSON parser. With several secrets (while you move from one
 * to the next) one that fits is enough.
 *
 * @throws Error when there is no secret or one is malformed
 */
export function verifyWebhook(
  headers: ReceivedHeaders,
  rawBody: string | Uint8Array,
  secret: string | readonly string[],
  { toleranceS = 300, nowMs = Date.now() }: VerifyOptions = {},
): Verification {
  const secrets = typeof secret === 'string' ? [secret] : secret;
  if (secrets.length === 0) throw new Error('verifying a webhook needs at least one secret');
  const keys = secrets.map(webhookKey);

  const eventId = headerOf(headers, 'webhook-id');
  const signature = headerOf(headers, 'x-diettracker-signature');
  const fields = signature?.split(',').map((part) => part.trim()) ?? [];
  const timestamp = fields.find((f) => /^t=\d+$/.test(f))?.slice(2);
  const offered = fields.filter((f) => f.startsWith('v1=')).map((f) => Buffer.from(f.slice(3), 'hex'));
  if (eventId === undefined || timestamp === undefined || offered.length === 0)
    return { valid: false, reason: 'missing_header' };

  const timestampS = Number(timestamp);
  if (Math.abs(nowMs / 1000 - timestampS) > toleranceS)
    return { valid: false, reason: 'timestamp_out_of_tolerance' };
  const expected = keys.map((key) => webhookDigest(key, eventId, timestampS, rawBody));
  const fits = offered.some((o) => expected.some((e) => o.length === e.length && timingSafeEqual(o, e)));
  return fits ? { valid: true, eventId } : { valid: false, reason: 'signature_mismatch' };
}

function headerOf(headers: ReceivedHeaders, name: string): string | undefined {
  if (isFetchHeaders(headers)) return headers.get(name) ?? undefined;
  const key = Object.keys(headers).find((k) => k.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return Array.isArray(value) ? value[0] : value;
}

const isFetchHeaders = (headers: ReceivedHeaders): headers is Pick<Headers, 'get' | 'has'> =>
  typeof headers.get === 'function';
