import type { Dispatcher } from 'undici';
import { retryAfterMs } from '../core/backoff';
import { exchange } from './http-exchange';

const EXCERPT_CHARS = 1024;

export interface WebhookRequest {
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** Ends the attempt early, when the process stops. */
  signal?: AbortSignal;
  /** For tests; 15 s by default. */
  timeoutMs?: number;
}

export interface WebhookResponse {
  /** Null when no HTTP answer came. */
  statusCode: number | null;
  durationMs: number;
  /**
   * Null on 2xx, else a public word: `http_<status>`, `redirect_refused`, `invalid_url`, `aborted`, or one of
   * network-failure.ts when no answer came.
   */
  error: string | null;
  retryAfterMs: number | null;
  /** The first characters of the answer's body; null when there is none. */
  responseExcerpt: string | null;
}

/**
 * One HTTP try, within the bounds of http-exchange.ts; the status decides, even when the body never ends. Never throws for
 * trouble with the network or the endpoint.
 */
export async function postWebhook(egress: Dispatcher, webhook: WebhookRequest): Promise<WebhookResponse> {
  const started = performance.now();
  const outcome = await exchange(egress, { ...webhook, method: 'POST' });
  const durationMs = Math.round(performance.now() - started);
  const { statusCode } = outcome;
  if (statusCode === null)
    return { statusCode, durationMs, error: outcome.failure, retryAfterMs: null, responseExcerpt: null };
  return {
    statusCode,
    durationMs,
    error: wordOfStatus(statusCode),
    retryAfterMs: retryAfterMs(outcome.headers['retry-after'], Date.now()),
    responseExcerpt: excerptOf(outcome.body),
  };
}

function wordOfStatus(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect_refused' : `http_${status}`;
}

/** The first characters. PostgreSQL holds neither NUL nor half a surrogate pair, and people look at it. */
function excerptOf(body: Buffer): string | null {
  const text = body
    .toString('utf8')
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  return text === '' ? null : text.slice(0, EXCERPT_CHARS).toWellFormed();
}
