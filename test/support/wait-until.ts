import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, for the error. */
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
}

/**
 * Asks `probe` until it returns something other than null, undefined or false, and returns that. Errors of the probe
 * count as "not yet". @throws Error with the last error or answer when `timeoutMs` (15 s) have passed
 */
export async function waitUntil<T>(
  probe: () => Promise<T> | T,
  { what, timeoutMs = 15_000, intervalMs = 25 }: WaitOptions,
): Promise<Exclude<T, null | undefined | false>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await probe();
      if (found !== null && found !== undefined && found !== false)
        return found as Exclude<T, null | undefined | false>;
      last = found;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}; last: ${String(last)}`, {
        cause: last,
      });
    await sleep(intervalMs);
  }
}
