import { Agent, request } from 'undici';
import { AppError } from '../core/errors';
import { classifyResponse } from './classify-response';
import type { ProviderHttp, ProviderResponse } from './contract';
import { providerResponse } from './provider-response';
import type { ProviderRuntime } from './runtime';

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_TIMEOUT_MS = 60_000;
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/** One pool for all providers; undici follows no redirects unless told to, so a token never goes to another host. */
const pool = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS }, connections: 64 });

export interface ProviderHttpOptions {
  runtime: Pick<ProviderRuntime, 'connector' | 'baseUrl'>;
  accessToken: string;
  /** The caller's cancellation; its reason is rethrown as it is. */
  signal?: AbortSignal | undefined;
  /** For one request from connect to the last byte, in ms. */
  timeoutMs?: number;
}

async function readBounded(body: AsyncIterable<Uint8Array>, label: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop by a throw destroys the stream and with it the connection.
  for await (const chunk of body) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw new AppError('provider_bad_data', `${label} sent an oversized answer`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function urlOf(baseUrl: string, path: string, query: Readonly<Record<string, string | number>>): string {
  const url = new URL(baseUrl.replace(/\/$/, '') + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
  return url.href;
}

/**
 * The authorised port of one access token: bearer header, pooled connections, no redirects, bounded time and body.
 *
 * @throws AppError `provider_unavailable` for what happens below HTTP, the classes of `classifyResponse` for an answer
 *   outside 2xx, `provider_bad_data` for a 2xx that is not JSON; the signal's reason when the caller cancelled
 */
export function createProviderHttp(options: ProviderHttpOptions): ProviderHttp {
  const { runtime, accessToken, signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const { connector, baseUrl } = runtime;

  async function exchange(
    method: 'GET' | 'POST',
    url: string,
    body: string | null,
  ): Promise<ProviderResponse> {
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const answer = await request(url, {
        method,
        body,
        headers: {
          authorization: `Bearer ${accessToken}`,
          accept: 'application/json',
          ...(body === null ? {} : { 'content-type': 'application/json' }),
        },
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        dispatcher: pool,
      });
      const text = await readBounded(answer.body, connector.label);
      return providerResponse(answer.statusCode, Object.entries(answer.headers), text);
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof AppError) throw cause;
      throw new AppError('provider_unavailable', `${connector.label} cannot be reached`, { cause });
    }
  }

  async function json(method: 'GET' | 'POST', url: string, body: string | null): Promise<unknown> {
    const answer = await exchange(method, url, body);
    if (answer.status < 200 || answer.status >= 300) throw classifyResponse(connector, answer, new Date());
    if (answer.json !== undefined) return answer.json;
    throw new AppError('provider_bad_data', `${connector.label} sent an answer that is not JSON`);
  }

  return {
    getJson: (path, query = {}) => json('GET', urlOf(baseUrl, path, query), null),
    postJson: (path, body) => json('POST', urlOf(baseUrl, path, {}), JSON.stringify(body)),
  };
}
