import { z } from 'zod';
import { sloRatios, type AppSlo, type SloFigures } from '../../../libs/db/webhook-slo.repo';
import { instant, iso } from '../http/wire';

export const sloQuery = z.strictObject({
  days: z.coerce.number().int().min(1).max(30).default(30).describe('length of the window, until now'),
});

const ratio = z.number().min(0).max(1).nullable();
const count = z.int().min(0);
const lag = count.nullable();

const figures = {
  raw: ratio.describe('delivered / total; null when there is nothing to deliver'),
  ours: ratio.describe('1 − late / total: what was our fault'),
  total: count.describe('deliveries committed to an endpoint that was enabled then'),
  delivered: count.describe('answered 2xx'),
  open: count.describe('not delivered yet: pending, retrying or paused'),
  failed: count,
  cancelled: count,
  late: count.describe(
    'first attempt more than 60 s after the commit, or a retry more than 5 min after it was due; overdue ones too',
  ),
  firstAttemptP50Ms: lag.describe('from commit to first attempt, to within 3 %'),
  firstAttemptP99Ms: lag,
};

const endpointSlo = z
  .strictObject({ endpointId: z.string(), url: z.string(), deleted: z.boolean(), ...figures })
  .meta({ id: 'WebhookEndpointSlo' });

export const webhookSlo = z
  .strictObject({
    asOf: instant,
    days: z.int(),
    total: z.strictObject(figures).meta({ id: 'WebhookSloFigures' }),
    endpoints: z.array(endpointSlo),
  })
  .meta({ id: 'WebhookSlo' });

const withRatios = <T extends SloFigures>(row: T) => ({ ...row, ...sloRatios(row) });

export const sloToWire = (slo: AppSlo, days: number): z.infer<typeof webhookSlo> => ({
  asOf: iso(slo.asOf),
  days,
  total: withRatios(slo.total),
  endpoints: slo.endpoints.map(withRatios),
});
