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

/**
 * The receiver's side: checks `X-DietTracker-Signature` of a request against the endpoint's secret, in constant time
 * per signature. `rawBody` is the body as received, before any JSON parser. Header names may be in any case.
 *
 * @throws Error when the secret itself is malformed
 */
export function verifyWebhook(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  rawBody: string | Uint8Array,
  secret: string,
  { toleranceS = 300, nowMs = Date.now() }: VerifyOptions = {},
): Verification {
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
  const expected = webhookDigest(webhookKey(secret), eventId, timestampS, rawBody);
  const matches = offered.filter((o) => o.length === expected.length && timingSafeEqual(o, expected));
  return matches.length > 0 ? { valid: true, eventId } : { valid: false, reason: 'signature_mismatch' };
}

function headerOf(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  name: string,
): string | undefined {
  const key = Object.keys(headers).find((k) => k.toLowerCase() === name);
  const value = key === undefined ? undefined : headers[key];
  return Array.isArray(value) ? value[0] : value;
}
