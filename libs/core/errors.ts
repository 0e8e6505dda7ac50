/**
 * The one closed table of failures. Nothing else decides whether a failure is retried, which HTTP status
 * it becomes, or who has to act.
 *
 * - `retry`: `backoff` = try again with growing delays · `after` = try again when the other side said so ·
 *   `never` = trying again cannot help.
 * - `status`: the HTTP status of the problem document (RFC 9457) when the API answers with this failure.
 * - `who`: who must act; decides the log level.
 */
export const FAILURES = {
  invalid_request: { retry: 'never', status: 400, who: 'caller', title: 'The request is not valid' },
  unauthenticated: { retry: 'never', status: 401, who: 'caller', title: 'A valid API key is required' },
  forbidden: { retry: 'never', status: 403, who: 'caller', title: 'This is not granted to you' },
  not_found: { retry: 'never', status: 404, who: 'caller', title: 'There is no such thing' },
  conflict: { retry: 'never', status: 409, who: 'caller', title: 'The state does not allow this' },
  payload_too_large: { retry: 'never', status: 413, who: 'caller', title: 'The request body is too large' },
  unsupported_media_type: {
    retry: 'never',
    status: 415,
    who: 'caller',
    title: 'This content type is not supported',
  },
  unknown_provider: { retry: 'never', status: 404, who: 'caller', title: 'There is no such provider' },
  provider_not_configured: {
    retry: 'never',
    status: 503,
    who: 'us',
    title: 'This provider is not configured',
  },
  connect_state_invalid: {
    retry: 'never',
    status: 400,
    who: 'user',
    title: 'This connect link is not valid any more',
  },
  consent_denied: { retry: 'never', status: 403, who: 'user', title: 'The user did not consent' },
  scope_missing: { retry: 'never', status: 409, who: 'user', title: 'The user did not grant this data type' },
  reauth_required: { retry: 'never', status: 409, who: 'user', title: 'The user must connect again' },
  account_mismatch: { retry: 'never', status: 409, who: 'user', title: 'This is another provider account' },
  account_not_ready: {
    retry: 'never',
    status: 409,
    who: 'user',
    title: 'The provider account is not set up',
  },
  integration_gone: { retry: 'never', status: 409, who: 'caller', title: 'The integration was disconnected' },
  provider_unavailable: {
    retry: 'backoff',
    status: 503,
    who: 'provider',
    title: 'The provider does not answer',
  },
  provider_rate_limited: {
    retry: 'after',
    status: 503,
    who: 'provider',
    title: 'The provider limits our requests',
  },
  provider_bad_data: {
    retry: 'never',
    status: 502,
    who: 'us',
    title: 'The provider sent data we cannot read',
  },
  provider_rejected: { retry: 'never', status: 502, who: 'us', title: 'The provider refused our request' },
  token_rejected: { retry: 'never', status: 502, who: 'us', title: 'The provider refused the access token' },
  provider_client_invalid: {
    retry: 'never',
    status: 502,
    who: 'us',
    title: 'The provider refused our client credentials',
  },
  token_refresh_busy: {
    retry: 'backoff',
    status: 503,
    who: 'us',
    title: 'Another process refreshes this token',
  },
  delivery_failed: {
    retry: 'after',
    status: 502,
    who: 'partner',
    title: 'The endpoint did not accept the webhook',
  },
  delivery_exhausted: {
    retry: 'never',
    status: 502,
    who: 'partner',
    title: 'The endpoint never accepted the webhook',
  },
  endpoint_gone: {
    retry: 'never',
    status: 410,
    who: 'partner',
    title: 'The endpoint said it is gone for good',
  },
  endpoint_failing: {
    retry: 'never',
    status: 409,
    who: 'partner',
    title: 'The endpoint accepted nothing for days',
  },
  endpoint_unverified: {
    retry: 'never',
    status: 409,
    who: 'partner',
    title: 'The endpoint did not confirm that it wants webhooks',
  },
  endpoint_blocked: {
    retry: 'after',
    status: 400,
    who: 'partner',
    title: 'The endpoint address is not allowed',
  },
  database_unavailable: {
    retry: 'backoff',
    status: 503,
    who: 'us',
    title: 'The database does not answer',
  },
  engine_unavailable: {
    retry: 'backoff',
    status: 503,
    who: 'us',
    title: 'The workflow engine does not answer',
  },
  internal: { retry: 'backoff', status: 500, who: 'us', title: 'Something went wrong on our side' },
} as const satisfies Record<
  string,
  {
    retry: 'backoff' | 'after' | 'never';
    status: number;
    who: 'caller' | 'user' | 'partner' | 'provider' | 'us';
    title: string;
  }
>;

export type FailureCode = keyof typeof FAILURES;

export interface FailureExtra {
  cause?: unknown;
  /** How long the other side asked us to wait. */
  retryAfterMs?: number;
  /** Public machine-readable details, e.g. the fields that did not validate. Never secrets or health values. */
  details?: Record<string, unknown>;
}

/** The only error class our code throws on purpose. `message` is public and free of secrets and health values. */
export class AppError extends Error {
  readonly retryAfterMs: number | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(
    readonly code: FailureCode,
    message: string,
    extra: FailureExtra = {},
  ) {
    super(message, { cause: extra.cause });
    this.name = 'AppError';
    this.retryAfterMs = extra.retryAfterMs;
    this.details = extra.details;
  }
}

export const isFailureCode = (value: unknown): value is FailureCode =>
  typeof value === 'string' && Object.hasOwn(FAILURES, value);
