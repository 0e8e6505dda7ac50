export const MAX_WAIT_S = 60;

/**
 * Reads `wait` of a Prefer header (RFC 7240 §4.3) in seconds, at most 60; 0 when absent or unreadable, because a
 * preference that cannot be understood is ignored (§2).
 */
export function preferredWaitS(header: string | string[] | undefined): number {
  const all = Array.isArray(header) ? header.join(',') : (header ?? '');
  const found = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i.exec(all);
  return found === null ? 0 : Math.min(Number(found[1]), MAX_WAIT_S);
}
