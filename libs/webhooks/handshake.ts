import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { AppError } from '../core/errors';
import { exchange } from './http-exchange';

export interface HandshakeRequest {
  url: string;
  /** Who asks, as a DNS name (`WebHook-Request-Origin`); each later delivery must carry the same. */
  origin: string;
  /** The rate we would like, in requests per minute. */
  ratePerMinute: number;
  /** The endpoint's own headers. */
  headers: Readonly<Record<string, string>>;
}

export interface Handshake {
  /** How many requests per minute the endpoint allows; null when it sets no limit. */
  allowedPerMinute: number | null;
}

/**
 * Asks an endpoint whether it wants our webhooks: CloudEvents "HTTP 1.1 Web Hooks for Event Delivery" 1.0.2 §4, abuse
 * protection. It agrees by 2xx with `WebHook-Allowed-Origin`, our origin or `*`. `WebHook-Allowed-Rate` may be missing:
 * the specification asks for it, receivers often leave it out.
 *
 * @throws AppError `endpoint_unverified` whose message says what was answered and what is expected
 */
export async function requestHandshake(egress: Dispatcher, request: HandshakeRequest): Promise<Handshake> {
  const { url, origin, ratePerMinute } = request;
  const outcome = await exchange(egress, {
    method: 'OPTIONS',
    url,
    headers: {
      ...request.headers,
      'WebHook-Request-Origin': origin,
      'WebHook-Request-Rate': String(ratePerMinute),
    },
    body: null,
  });
  if (outcome.statusCode === null) throw unverified(`did not answer (${outcome.failure})`, origin);
  const { statusCode, headers } = outcome;
  const allowedOrigin = valueOf(headers, 'webhook-allowed-origin');
  if (statusCode < 200 || statusCode > 299) throw unverified(`answered ${statusCode}`, origin);
  if (allowedOrigin === null)
    throw unverified(`answered ${statusCode} without WebHook-Allowed-Origin`, origin);
  if (allowedOrigin !== '*' && allowedOrigin.toLowerCase() !== origin.toLowerCase())
    throw unverified(`answered WebHook-Allowed-Origin: ${quoted(allowedOrigin)}`, origin);
  return { allowedPerMinute: allowedRate(valueOf(headers, 'webhook-allowed-rate'), origin) };
}

function allowedRate(text: string | null, origin: string): number | null {
  if (text === null || text === '*') return null;
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw unverified(`answered WebHook-Allowed-Rate: ${quoted(text)}`, origin);
  return Number(text);
}

function valueOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return (Array.isArray(value) ? value.join(', ') : value)?.trim() ?? null;
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100).toWellFormed());

const unverified = (answered: string, origin: string): AppError =>
  new AppError(
    'endpoint_unverified',
    `The endpoint ${answered} to our OPTIONS request. Expected is a 2xx answer with WebHook-Allowed-Origin: ${origin} (or *) ` +
      'and WebHook-Allowed-Rate: a whole number of requests per minute above zero (or *).',
  );
