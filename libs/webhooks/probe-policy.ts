import type { ProbePolicy } from '../db/endpoint-health';

const DEGRADED_AFTER_FAILURES = 10;
const DEFAULT_PROBE_MS = 5_000;

/**
 * A degraded endpoint is probed with the first two delays of the retry schedule: first after the first one, then with
 * doubling pauses up to the second one (5 s to 5 min).
 */
export function probePolicy(scheduleS: readonly number[]): ProbePolicy {
  const firstProbeMs = (scheduleS[0] ?? DEFAULT_PROBE_MS / 1000) * 1000;
  return {
    degradedAfterFailures: DEGRADED_AFTER_FAILURES,
    firstProbeMs,
    maxProbeMs: Math.max(firstProbeMs, (scheduleS[1] ?? 0) * 1000),
  };
}
