import { withJitter } from '../core/backoff';

const JITTER = 0.2;
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1000;

export interface FailedAttempt {
  /** 1 for the first attempt. */
  number: number;
  /** What the endpoint asked for in Retry-After; null when it did not. */
  retryAfterMs: number | null;
}

/**
 * How long to wait after a failed attempt, in ms: the schedule's entry ± 20 %, or the endpoint's Retry-After when that is
 * longer (honoured up to 24 h). Null when the schedule is exhausted: attempt `scheduleS.length + 1` was the last.
 *
 * @param scheduleS delays in seconds before retries 1, 2, …
 * @param random in [0, 1)
 */
export function nextRetryMs(
  scheduleS: readonly number[],
  attempt: FailedAttempt,
  random: number = Math.random(),
): number | null {
  const delayS = scheduleS[attempt.number - 1];
  if (delayS === undefined) return null;
  const asked = Math.min(attempt.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
  return Math.max(withJitter(delayS * 1000, JITTER, random), asked);
}
