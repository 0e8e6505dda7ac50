import type { Client } from '@temporalio/client';
import type { Database } from '../../../libs/db/database';
import type { FollowDeps } from '../../../libs/webhooks/follow-execution';
import { TemporalDeliveryExecutions } from '../../../temporal/delivery-executions';
import { DELIVERY_ACTIVITY, deliveryActivityId } from '../../../workflows/contract';

/** What verbs and reads of deliveries need to follow, and to tell, their executions in Temporal. */
export const followDeps = (db: Database, temporal: Client): FollowDeps => ({
  db,
  executions: new TemporalDeliveryExecutions(temporal, DELIVERY_ACTIVITY, deliveryActivityId),
});
