/**
 * Spreads a delay by ± `share` so that callers that failed together do not come back together.
 * `random` is in [0, 1).
 */
export const withJitter = (delayMs: number, share: number, random: number): number =>
  Math.round(delayMs * (1 - share + 2 * share * random));

/** Parses an HTTP Retry-After value (RFC 9110 §10.2.3: seconds or an HTTP date) to ms from now; null when absent or unreadable. */
export function retryAfterMs(header: string | null | undefined, nowMs: number): number | null {
  if (!header) return null;
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
