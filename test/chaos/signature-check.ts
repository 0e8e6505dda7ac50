import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** What the two verifiers say with each of the endpoint's secrets; `rotated` is null before there is a second one. */
export interface SignatureCheck {
  first: Verdict;
  rotated: Verdict | null;
}

interface Verdict {
  standardWebhooks: boolean;
  ownVerifier: boolean;
}

/** The partner's side of `X-DietTracker-Signature`, written from its documentation alone. */
function ownVerifier(headers: Record<string, string>, rawBody: string, secret: string): boolean {
  const parts = (headers['x-diettracker-signature'] ?? '').split(',').map((part) => part.split('='));
  const t = parts.find(([name]) => name === 't')?.[1];
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const wanted = createHmac('sha256', key).update(`${headers['webhook-id']}.${t}.${rawBody}`).digest('hex');
  const isFresh = Math.abs(Date.now() / 1000 - Number(t)) < 300;
  return isFresh && parts.some(([name, value]) => name === 'v1' && value === wanted);
}

function standardWebhooks(headers: Record<string, string>, rawBody: string, secret: string): boolean {
  try {
    new Webhook(secret).verify(rawBody, headers);
    return true;
  } catch {
    return false;
  }
}

/** Time in which a delivery that was read before the rotation may still be signed. */
const ROTATION_SLACK_S = 3;

/** The secrets of one endpoint as its partner knows them. */
export class SecretBook {
  #first = '';
  #second: { secret: string; sinceS: number } | null = null;

  created(secret: string): void {
    this.#first = secret;
  }

  /** Both secrets are good from now on: the overlap outlasts the test. */
  rotated(secret: string): void {
    this.#second = { secret, sinceS: Date.now() / 1000 + ROTATION_SLACK_S };
  }

  check(headers: Record<string, string>, rawBody: string): SignatureCheck {
    const verdict = (secret: string): Verdict => ({
      standardWebhooks: standardWebhooks(headers, rawBody, secret),
      ownVerifier: ownVerifier(headers, rawBody, secret),
    });
    const second = this.#second;
    const isAfter = second !== null && Number(headers['webhook-timestamp']) >= second.sinceS;
    return { first: verdict(this.#first), rotated: isAfter ? verdict(second.secret) : null };
  }
}

export const isVerified = ({ first, rotated }: SignatureCheck): boolean =>
  [first, rotated].every((v) => v === null || (v.standardWebhooks && v.ownVerifier));
