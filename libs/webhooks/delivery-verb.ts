import { doVerb, type DeliveryVerb } from '../db/delivery-verbs.repo';
import { wakeDispatchers } from '../db/wake-dispatchers';
import { followDelivery, type FollowDeps } from './follow-execution';

/** `told`: Temporal shows the same; `unreachable`: it does not answer, the sweeper tells it later; `none`: not needed. */
export type ToldExecution = 'told' | 'unreachable' | 'none';

/**
 * Does an operator's or partner's verb to a delivery: first what was done in Temporal meanwhile is taken over, then the row
 * changes, then its execution is told.
 *
 * @throws AppError `not_found`, `conflict`
 */
export async function performVerb(
  deps: FollowDeps,
  request: { deliveryId: string; appId: string; verb: DeliveryVerb; actor: string },
): Promise<ToldExecution> {
  const before = await followDelivery(deps, request.deliveryId);
  if (!(await doVerb(deps.db, request))) return 'none';
  await wakeDispatchers(deps.db);
  if (before === 'unreachable') return before;
  const told = await followDelivery(deps, request.deliveryId);
  return told === 'followed' ? 'told' : told;
}
