import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';

/** One system job. */
export interface ScheduleSpec {
  scheduleId: string;
  workflowType: string;
  workflowId: string;
  taskQueue: string;
  args: unknown[];
  everyMs: number;
  /** The first run starts when the Schedule is made, not one interval later. */
  startsAtOnce?: boolean;
  searchAttributes?: SearchAttributePair[];
}

/** A late server catches up on the last two minutes only; the default of a year would be a stampede. */
const CATCHUP_WINDOW_MS = 120_000;

const optionsOf = (spec: ScheduleSpec): ScheduleOptions => ({
  scheduleId: spec.scheduleId,
  spec: { intervals: [{ every: spec.everyMs }] },
  policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCHUP_WINDOW_MS },
  ...(spec.startsAtOnce === true ? { state: { triggerImmediately: true } } : {}),
  action: {
    type: 'startWorkflow',
    workflowType: spec.workflowType,
    workflowId: spec.workflowId,
    taskQueue: spec.taskQueue,
    args: spec.args,
    ...(spec.searchAttributes === undefined ? {} : { typedSearchAttributes: spec.searchAttributes }),
  },
});

/**
 * Creates each Schedule, or brings an existing one to its spec. An operator's pause and note stay.
 * Safe to call from several processes at once.
 */
export async function ensureSchedules(client: Client, specs: readonly ScheduleSpec[]): Promise<void> {
  for (const spec of specs) {
    const options = optionsOf(spec);
    try {
      await client.schedule.create(options);
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(spec.scheduleId).update(({ state }) => ({
        spec: options.spec,
        ...(options.policies === undefined ? {} : { policies: options.policies }),
        action: options.action,
        state,
      }));
    }
  }
}
