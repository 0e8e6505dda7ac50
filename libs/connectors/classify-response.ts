import { AppError } from '../core/errors';
import { retryAfterMs } from '../core/backoff';
import type { Connector, ProviderResponse } from './contract';

type Classifying = Pick<Connector, 'label' | 'classifyResponse'>;

function rateLimited(label: string, response: ProviderResponse, now: Date): AppError {
  const waitMs = retryAfterMs(response.headers['retry-after'], now.getTime());
  return new AppError(
    'provider_rate_limited',
    `${label} limits our requests`,
    waitMs === null ? {} : { retryAfterMs: waitMs },
  );
}

function unavailable(label: string, response: ProviderResponse, now: Date): AppError {
  const waitMs = retryAfterMs(response.headers['retry-after'], now.getTime());
  return new AppError(
    'provider_unavailable',
    `${label} answered with status ${response.status}`,
    waitMs === null ? {} : { retryAfterMs: waitMs },
  );
}

/**
 * The classes that hold for every provider (RFC 9110 §15): 401 → `token_rejected` · 403 → `scope_missing` ·
 * 429 → `provider_rate_limited` · 3xx, 408 and 5xx → `provider_unavailable` · other 4xx → `provider_rejected`.
 * A 403 whose body is not JSON comes from a firewall in front of the API and says nothing about the user's scopes.
 */
function sharedClass(label: string, response: ProviderResponse, now: Date): AppError {
  const { status } = response;
  if (status === 429) return rateLimited(label, response, now);
  if (status === 401) return new AppError('token_rejected', `${label} refused the access token`);
  if (status === 403 && response.json !== undefined) {
    return new AppError('scope_missing', `${label} says that the user did not grant this data`);
  }
  const mayPass = status < 400 || status === 403 || status === 408 || status >= 500;
  if (mayPass) return unavailable(label, response, now);
  return new AppError('provider_rejected', `${label} refused the request with status ${status}`);
}

/**
 * The failure that a data answer outside 2xx means: the connector's own class first, else the shared one.
 * Messages name the provider and the status only, never the body.
 */
export const classifyResponse = (connector: Classifying, response: ProviderResponse, now: Date): AppError =>
  connector.classifyResponse(response, now) ?? sharedClass(connector.label, response, now);
