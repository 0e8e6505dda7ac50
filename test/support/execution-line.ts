import type { ExecutionLine } from '../../activities/webhooks.activities';
import { SWEEP_SETTINGS, type SweepSettings } from '../../libs/webhooks/delivery-sweeper';
import { TemporalDeliveryExecutions } from '../../temporal/delivery-executions';
import { DELIVERY_ACTIVITY, deliveryActivityId } from '../../workflows/contract';

/** As the worker module wires it. */
export const executionLine = (settings: SweepSettings = SWEEP_SETTINGS): ExecutionLine => ({
  executionsOf: (client) => new TemporalDeliveryExecutions(client, DELIVERY_ACTIVITY, deliveryActivityId),
  settings,
});
