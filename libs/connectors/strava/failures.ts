import { z } from 'zod';
import { AppError } from '../../core/errors';
import type { ProviderResponse } from '../contract';

/** Strava's Fault (swagger `Fault`). In old answers `errors` was a text, so whatever it is, reading it never fails. */
const fault = z.object({
  errors: z
    .array(
      z.object({
        resource: z.string().catch(''),
        field: z.string().catch(''),
        code: z.string().catch(''),
      }),
    )
    .catch([]),
});

const faultsOf = (response: ProviderResponse) => fault.safeParse(response.json).data?.errors ?? [];

/** `"12,340"` → 12 in the quarter hour, 340 today. An empty part means unknown, not 0 (seen as `","` on POST answers). */
function pair(header: string | undefined): { short: number | null; day: number | null } {
  const [short = null, day = null] = (header ?? '')
    .split(',')
    .map((part) => (/^\d+$/.test(part.trim()) ? Number(part) : null));
  return { short, day };
}

function dayIsUsedUp(headers: ProviderResponse['headers']): boolean {
  return ['x-ratelimit', 'x-readratelimit'].some((name) => {
    const usage = pair(headers[`${name}-usage`]).day;
    const limit = pair(headers[`${name}-limit`]).day;
    return usage !== null && limit !== null && usage >= limit;
  });
}

const QUARTER_HOUR_MS = 15 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

/** Strava sends no Retry-After: windows reset at :00/:15/:30/:45 and at 00:00 UTC (developers.strava.com/docs/rate-limits). */
function waitMs(headers: ProviderResponse['headers'], now: Date): number {
  const windowMs = dayIsUsedUp(headers) ? DAY_MS : QUARTER_HOUR_MS;
  return windowMs - (now.getTime() % windowMs);
}

/**
 * 429 → wait for the window's end · a fault `code: missing` (401 or 403) → `scope_missing` ·
 * a 403 about the application itself (e.g. inactive) → `provider_client_invalid` · else the shared classes.
 */
export function classifyStravaResponse(response: ProviderResponse, now: Date): AppError | null {
  const { status, headers } = response;
  if (status === 429) {
    return new AppError('provider_rate_limited', 'Strava limits our requests', {
      retryAfterMs: waitMs(headers, now),
    });
  }
  if (status !== 401 && status !== 403) return null;
  const faults = faultsOf(response);
  if (faults.some((f) => f.code === 'missing')) {
    return new AppError('scope_missing', 'Strava says that the user did not grant this data');
  }
  if (status === 403 && faults.some((f) => f.resource === 'Application')) {
    return new AppError('provider_client_invalid', 'Strava refuses our application');
  }
  return null;
}

/** `{"errors":[{"resource":"RefreshToken","field":"code","code":"invalid"}]}`; the same for a spent authorization code. */
export const isDeadStravaGrant = (response: ProviderResponse): boolean =>
  [400, 401].includes(response.status) &&
  faultsOf(response).some(
    (f) => ['RefreshToken', 'AuthorizationCode'].includes(f.resource) && f.code === 'invalid',
  );

/** `{"errors":[{"resource":"Application","field":"client_id","code":"invalid"}]}`. */
export const isInvalidStravaClient = (response: ProviderResponse): boolean =>
  [400, 401, 403].includes(response.status) && faultsOf(response).some((f) => f.resource === 'Application');
