import type { Info } from '@temporalio/activity';
import { followVerb, readFollowed } from '../libs/db/deliveries-sweep.repo';
import { followDelivery, type FollowDeps } from '../libs/webhooks/follow-execution';

/**
 * Takes over what an operator did in Temporal that only the attempt itself can tell, before it reads its delivery: a reset
 * means "now", and a paused delivery whose attempt runs was unpaused (or its pause has still to reach Temporal).
 *
 * A reset shows as attempt 1 that was scheduled later than the activity (server 1.32.2: `GenerateRecordActivityTaskStarted
 * Response`); the first attempt of all is scheduled with it.
 */
export async function heedOperator(
  deps: FollowDeps,
  info: Pick<Info, 'attempt' | 'scheduledTimestampMs' | 'currentAttemptScheduledTimestampMs'>,
  deliveryId: string,
): Promise<void> {
  const [delivery] = await readFollowed(deps.db, [deliveryId], null);
  if (delivery?.status === 'paused') await followDelivery(deps, deliveryId);
  const wasReset = info.attempt === 1 && info.currentAttemptScheduledTimestampMs > info.scheduledTimestampMs;
  if (wasReset && delivery?.status === 'retrying' && (delivery.overdueMs ?? 0) < 0)
    await followVerb(deps.db, delivery, { verb: 'retry', by: null, executionLives: true });
}
