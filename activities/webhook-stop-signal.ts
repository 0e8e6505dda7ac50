import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from '@temporalio/activity';
import type { Client } from '@temporalio/client';

const PROBE_TIMEOUT_MS = 2_000;
const PROBE_INTERVAL_MS = 1_000;
/** Time for the next dispatcher to start once Temporal answers again. */
const TAKEOVER_MS = 10_000;

/** Does Temporal answer? */
export async function isReachable(client: Client): Promise<boolean> {
  try {
    await client.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () => client.workflowService.getSystemInfo({}));
    return true;
  } catch {
    return false;
  }
}

/**
 * Aborts when Temporal tells a dispatcher to stop: cancelled, not found, paused, or its worker ends. The SDK also cancels
 * when its own heartbeats stay unanswered, which is what an outage of Temporal looks like. Deliveries go on then; once
 * Temporal is back the next dispatcher ends this one through the epoch, and if none comes this one ends by itself.
 *
 * @param ended aborts when the dispatcher has ended, so that nothing waits on
 */
export function stopSignal(context: Context, client: Client, ended: AbortSignal): AbortSignal {
  const stop = new AbortController();
  context.cancellationSignal.addEventListener('abort', () => {
    if (context.cancellationDetails?.timedOut !== true) stop.abort();
    else void takeoverTime(client, ended).then(() => stop.abort());
  });
  return stop.signal;
}

async function takeoverTime(client: Client, ended: AbortSignal): Promise<void> {
  while (!ended.aborted && !(await isReachable(client))) await pauseUnless(ended, PROBE_INTERVAL_MS);
  await pauseUnless(ended, TAKEOVER_MS);
}

/** Waits, at most until `ended`. */
async function pauseUnless(ended: AbortSignal, ms: number): Promise<void> {
  await pause(ms, undefined, { signal: ended, ref: false }).catch((error: unknown) => {
    if (!ended.aborted) throw error;
  });
}
