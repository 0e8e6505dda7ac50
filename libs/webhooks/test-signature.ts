import { newId } from '../core/ids';
import { signWebhook, type SignatureHeaders } from './signing';

export interface TestSignature {
  /** The endpoint's `whsec_…`, or one the receiver under test is set up with. */
  secret: string;
  /** The exact bytes that are sent. */
  body: string | Uint8Array;
  /** The `webhook-id`; a new one by default. */
  eventId?: string;
  /** Unix time in seconds; now by default. An old one shows whether the receiver refuses replays. */
  timestampS?: number;
}

/**
 * The headers with which a partner tests a receiver without us: what a real request carries, as far as it matters to a
 * signature check.
 *
 * @throws Error when the secret is malformed
 */
export const testSignature = ({
  secret,
  body,
  eventId = newId('event'),
  timestampS = Math.floor(Date.now() / 1000),
}: TestSignature): SignatureHeaders & { 'Content-Type': string } => ({
  'Content-Type': 'application/json',
  ...signWebhook({ eventId, timestampS, body, secrets: [secret] }),
});
