import { nextRetryMs } from './retry-schedule';

const SCHEDULE_S = [5, 300];
const failed = (number: number, retryAfterMs: number | null = null) => ({ number, retryAfterMs });

test.each([
  [1, 0, 4_000],
  [1, 0.5, 5_000],
  [2, 0.999999, 360_000],
])('after attempt %i the delay is the schedule ± 20 %%', (number, random, expected) => {
  expect(nextRetryMs(SCHEDULE_S, failed(number), random)).toBe(expected);
});

test('the last attempt has no next one', () => {
  expect(nextRetryMs(SCHEDULE_S, failed(3))).toBeNull();
  expect(nextRetryMs(SCHEDULE_S, failed(3, 60_000))).toBeNull();
});

test('Retry-After lengthens the delay, never shortens it, and counts up to 24 h', () => {
  expect(nextRetryMs(SCHEDULE_S, failed(1, 60_000), 0.5)).toBe(60_000);
  expect(nextRetryMs(SCHEDULE_S, failed(1, 1_000), 0.5)).toBe(5_000);
  expect(nextRetryMs(SCHEDULE_S, failed(1, 1e12), 0.5)).toBe(86_400_000);
});
