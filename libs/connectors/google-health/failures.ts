import { z } from 'zod';
import { AppError } from '../../core/errors';
import { retryAfterMs } from '../../core/backoff';
import type { ProviderResponse } from '../contract';

/** google.rpc.Status as JSON (google.aip.dev/193): the class is in `status`, the cause in an ErrorInfo's `reason`. */
const errorEnvelope = z.object({
  error: z.object({
    status: z.string().catch(''),
    message: z.string().catch(''),
    details: z.array(z.object({ reason: z.string().catch(''), retryDelay: z.string().catch('') })).catch([]),
  }),
});

/** RFC 6749 §5.2, the form of the token endpoint. Only `error` counts: the description varies. */
const oauthError = z.object({ error: z.string() });

/** The quota is 300 requests per minute and user, so the next minute has room (developers.google.com/health/rate-limits). */
const QUOTA_WINDOW_MS = 60_000;

function waitMs(response: ProviderResponse, retryDelays: readonly string[], now: Date): number {
  const delay = retryDelays.find((text) => /^\d+(\.\d+)?s$/.test(text));
  if (delay) return Number(delay.slice(0, -1)) * 1000;
  return retryAfterMs(response.headers['retry-after'], now.getTime()) ?? QUOTA_WINDOW_MS;
}

/**
 * RESOURCE_EXHAUSTED → `provider_rate_limited` · UNAUTHENTICATED → `token_rejected` · ACCOUNT_NOT_LINKED →
 * `account_not_ready` (no Health profile behind the Google account) · PERMISSION_DENIED → `scope_missing`,
 * but `provider_rejected` where the project, not the user, lacks the permission · else the shared classes.
 */
export function classifyGoogleHealthResponse(response: ProviderResponse, now: Date): AppError | null {
  const error = errorEnvelope.safeParse(response.json).data?.error;
  if (!error) return null;
  const reasons = error.details.map((detail) => detail.reason);
  if (error.status === 'RESOURCE_EXHAUSTED') {
    const delays = error.details.map((detail) => detail.retryDelay);
    return new AppError('provider_rate_limited', 'Google Health limits our requests', {
      retryAfterMs: waitMs(response, delays, now),
    });
  }
  if (reasons.includes('ACCOUNT_NOT_LINKED') || error.message.includes('ACCOUNT_NOT_LINKED')) {
    return new AppError('account_not_ready', 'The Google account has no Google Health profile yet');
  }
  if (error.status === 'UNAUTHENTICATED') {
    return new AppError('token_rejected', 'Google Health refused the access token');
  }
  if (error.status !== 'PERMISSION_DENIED') return null;
  if (reasons.some((reason) => reason === 'SERVICE_DISABLED' || reason.startsWith('CONSUMER_'))) {
    return new AppError('provider_rejected', 'The Google Cloud project may not use the Google Health API');
  }
  return new AppError('scope_missing', 'Google Health says that the user did not grant this data');
}

const oauthErrorOf = (response: ProviderResponse): string | undefined =>
  oauthError.safeParse(response.json).data?.error;

/** `invalid_grant`: expired, revoked, six months unused, or seven days old while the app is in testing. */
export const isDeadGoogleGrant = (response: ProviderResponse): boolean =>
  response.status >= 400 && response.status < 500 && oauthErrorOf(response) === 'invalid_grant';

export const isInvalidGoogleClient = (response: ProviderResponse): boolean =>
  response.status >= 400 &&
  response.status < 500 &&
  ['invalid_client', 'unauthorized_client'].includes(oauthErrorOf(response) ?? '');
