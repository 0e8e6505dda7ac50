import type * as oauth from 'oauth4webapi';
import { retryAfterMs } from '../core/backoff';
import { AppError } from '../core/errors';
import { classifyResponse } from './classify-response';
import type { ProviderResponse } from './contract';
import { providerResponse } from './provider-response';
import type { ProviderRuntime } from './runtime';

const MAX_ANSWER_BYTES = 256 * 1024;

/** What a token endpoint gave us. `expiresAt` is counted from before the request, so it is never too late. */
export interface TokenAnswer {
  accessToken: string;
  /** Null: the provider sent none; the old one stays valid (RFC 6749 §6). */
  refreshToken: string | null;
  expiresAt: Date | null;
  /** The rest of the answer, without any token. */
  raw: Readonly<Record<string, unknown>>;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error('oversized answer');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Sends one request of oauth4webapi and reads its answer. @throws AppError `provider_unavailable` */
export async function readAnswer(
  runtime: ProviderRuntime,
  send: () => Promise<Response>,
): Promise<ProviderResponse> {
  try {
    const response = await send();
    return providerResponse(response.status, response.headers, await boundedText(response));
  } catch (cause) {
    throw new AppError('provider_unavailable', `${runtime.connector.label} cannot be reached`, { cause });
  }
}

/**
 * What a refusal of the token or revocation endpoint means. Judged before oauth4webapi sees it, because providers
 * answer in forms of their own (Strava's Fault). An answer that is not JSON did not come from the endpoint.
 */
export function refusalOf(runtime: ProviderRuntime, answer: ProviderResponse, deadGrant: AppError): AppError {
  const { auth, connector } = runtime;
  const now = new Date();
  if (auth.isInvalidClient(answer)) {
    return new AppError('provider_client_invalid', `${connector.label} refused our client id or secret`);
  }
  if (auth.isDeadGrant(answer)) return deadGrant;
  if (answer.status === 429) return classifyResponse(connector, answer, now);
  const { status, json } = answer;
  if (status < 400 || status === 408 || status >= 500 || json === undefined) {
    const waitMs = retryAfterMs(answer.headers['retry-after'], now.getTime());
    const extra = waitMs === null ? {} : { retryAfterMs: waitMs };
    return new AppError('provider_unavailable', `${connector.label} answered with status ${status}`, extra);
  }
  return new AppError('provider_rejected', `${connector.label} refused the request with status ${status}`);
}

type ProcessTokens = (response: Response) => Promise<oauth.TokenEndpointResponse>;

/**
 * Reads a 2xx of the token endpoint by oauth4webapi's rules. Fields that are null or empty count as absent.
 *
 * @throws AppError `provider_unavailable` for garbage: whether the tokens were issued is unknown
 */
export async function readTokens(
  runtime: ProviderRuntime,
  answer: ProviderResponse,
  requestedAt: Date,
  process: ProcessTokens,
): Promise<TokenAnswer> {
  const filled = Object.entries(answer.json ?? {}).filter(([, value]) => value !== null && value !== '');
  let tokens: oauth.TokenEndpointResponse;
  try {
    tokens = await process(Response.json(Object.fromEntries(filled), { status: answer.status }));
  } catch (cause) {
    const message = `${runtime.connector.label} sent a token answer that cannot be read`;
    throw new AppError('provider_unavailable', message, { cause: (cause as Error).name });
  }
  const { access_token, refresh_token, id_token: _idToken, ...raw } = tokens;
  return {
    accessToken: access_token,
    refreshToken: refresh_token ?? null,
    expiresAt:
      tokens.expires_in === undefined ? null : new Date(requestedAt.getTime() + tokens.expires_in * 1000),
    raw,
  };
}
