import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';

const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;
/** Standard Webhooks asks for 24 to 64 bytes. */
const MIN_KEY_BYTES = 24;
const MAX_KEY_BYTES = 64;

/** A new endpoint secret: `whsec_` and 32 random bytes in base64 (Standard Webhooks "symmetric" form). */
export const newWebhookSecret = (): string => SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');

/**
 * The HMAC key inside a secret: the decoded bytes, not the text. Keep it where many requests are signed: making one costs
 * more than a signature.
 * @throws Error when the secret is not `whsec_` followed by 24 to 64 bytes in base64; the secret is not in the message
 */
export function webhookKey(secret: string): KeyObject {
  const text = secret.slice(SECRET_PREFIX.length);
  const key = Buffer.from(text, 'base64');
  const canonical = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  if (
    !secret.startsWith(SECRET_PREFIX) ||
    !canonical ||
    key.length < MIN_KEY_BYTES ||
    key.length > MAX_KEY_BYTES
  )
    throw new Error('a webhook secret must be whsec_ followed by 24 to 64 bytes in base64');
  return createSecretKey(key);
}

/** HMAC-SHA256 over `<webhook-id>.<timestamp>.<raw body>`: the signed content of both header forms. */
export const webhookDigest = (
  key: KeyObject,
  eventId: string,
  timestampS: number,
  body: string | Uint8Array,
): Buffer => createHmac('sha256', key).update(`${eventId}.${timestampS}.`).update(body).digest();

export interface SignedWebhook {
  /** The event id, which is the `webhook-id`; retries and replays keep it. */
  eventId: string;
  /** Unix time of this attempt in seconds. */
  timestampS: number;
  /** The exact bytes that are sent. */
  body: string | Uint8Array;
  /** Newest first; more than one while a rotation overlaps. */
  secrets: readonly (string | KeyObject)[];
}

/** Header names as they go over the wire. */
export interface SignatureHeaders extends Record<string, string> {
  'X-DietTracker-Signature': string;
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/**
 * Signs one attempt in both forms: `X-DietTracker-Signature: t=<unix>,v1=<hex>[,v1=<hex of the old secret>]` and the
 * Standard Webhooks trio, whose signature list is `v1,<base64>` per secret, separated by spaces.
 *
 * @throws Error when there is no secret or one is malformed
 */
export function signWebhook({ eventId, timestampS, body, secrets }: SignedWebhook): SignatureHeaders {
  if (secrets.length === 0) throw new Error('a webhook needs at least one secret');
  const keys = secrets.map((secret) => (typeof secret === 'string' ? webhookKey(secret) : secret));
  const digests = keys.map((key) => webhookDigest(key, eventId, timestampS, body));
  return {
    'X-DietTracker-Signature': [`t=${timestampS}`, ...digests.map((d) => `v1=${d.toString('hex')}`)].join(
      ',',
    ),
    'webhook-id': eventId,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': digests.map((d) => `v1,${d.toString('base64')}`).join(' '),
  };
}
