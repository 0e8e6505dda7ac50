import { request, type Dispatcher } from 'undici';
import { retryAfterMs } from '../core/backoff';

const TOTAL_TIMEOUT_MS = 15_000;
const MAX_RESPONSE_BYTES = 16 * 1024;
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
   * Null on 2xx, else a public word: `http_<status>`, `redirect_refused`, `timeout`, `dns_failed`, `connection_refused`,
   * `connection_lost`, `tls_failed`, `address_blocked`, `aborted` or `network_error`.
   */
  error: string | null;
  retryAfterMs: number | null;
  /** The first characters of the answer's body; null when there is none. */
  responseExcerpt: string | null;
}

/**
 * One HTTP try. Takes at most 15 s in all, reads at most 16 KiB of the answer and then drops the connection; the status
 * decides, even when the body never ends. Never throws for trouble with the network or the endpoint.
 */
export async function postWebhook(egress: Dispatcher, webhook: WebhookRequest): Promise<WebhookResponse> {
  const started = performance.now();
  const durationMs = (): number => Math.round(performance.now() - started);
  const timeout = AbortSignal.timeout(webhook.timeoutMs ?? TOTAL_TIMEOUT_MS);
  const signal = webhook.signal ? AbortSignal.any([timeout, webhook.signal]) : timeout;
  try {
    const response = await request(webhook.url, {
      dispatcher: egress,
      method: 'POST',
      headers: webhook.headers,
      body: webhook.body,
      signal,
    });
    const responseExcerpt = await readExcerpt(response.body);
    return {
      statusCode: response.statusCode,
      durationMs: durationMs(),
      error: wordOfStatus(response.statusCode),
      retryAfterMs: retryAfterMs(firstOf(response.headers['retry-after']), Date.now()),
      responseExcerpt,
    };
  } catch (error) {
    return {
      statusCode: null,
      durationMs: durationMs(),
      error: webhook.signal?.aborted ? 'aborted' : wordOfError(error),
      retryAfterMs: null,
      responseExcerpt: null,
    };
  }
}

const firstOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

function wordOfStatus(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return status >= 300 && status < 400 ? 'redirect_refused' : `http_${status}`;
}

/** Reads up to the limit; a body that breaks off or is too slow gives what came. */
async function readExcerpt(body: Dispatcher.ResponseData['body']): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_RESPONSE_BYTES) break;
    }
  } catch {
    body.destroy();
  }
  // PostgreSQL holds neither NUL nor half a surrogate pair, and the excerpt is shown to people.
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/\p{Cc}/gu, ' ')
    .trim();
  return text === '' ? null : text.slice(0, EXCERPT_CHARS).toWellFormed();
}

const WORDS: Readonly<Record<string, string>> = {
  ADDRESS_BLOCKED: 'address_blocked',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  UND_ERR_SOCKET: 'connection_lost',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
};

/** Reads name and code without `instanceof`: undici and Node throw Errors and DOMExceptions alike. */
function wordOfError(error: unknown): string {
  const { name, code } = Object(error) as { name?: unknown; code?: unknown };
  if (name === 'TimeoutError') return 'timeout';
  if (typeof code !== 'string') return 'network_error';
  if (/^ERR_TLS|^ERR_SSL|CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return 'tls_failed';
  return WORDS[code] ?? 'network_error';
}
