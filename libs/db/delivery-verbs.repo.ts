import { sql, type SQL } from 'drizzle-orm';
import { AppError } from '../core/errors';
import { idDay } from '../core/ids';
import { audit } from './audit.repo';
import type { Database } from './database';
import { staysLate } from './delivery-lateness';
import type { DeliveryStatus } from './schema/webhooks';

export type DeliveryVerb = 'retry' | 'pause' | 'resume' | 'cancel';

/** Audit actions of the verbs. */
export const VERB_ACTIONS = {
  retry: 'delivery.retried',
  pause: 'delivery.paused',
  resume: 'delivery.resumed',
  cancel: 'delivery.cancelled',
} as const satisfies Record<DeliveryVerb, string>;

interface Row extends Record<string, unknown> {
  status: DeliveryStatus;
  attempts: number;
  handed_over: boolean;
}

/** What a verb writes; the row's execution is brought into line afterwards. */
const CHANGES = {
  /** Retried at once. */
  due: sql`status = 'retrying', next_at = clock_timestamp(), completed_at = null, ${staysLate}`,
  /** Sent anew after it had ended: the schedule begins again, the attempt numbers go on. */
  resent: sql`status = 'retrying', next_at = clock_timestamp(), completed_at = null, schedule_from = attempts,
    queued_at = clock_timestamp()`,
  /** The dispatcher makes its first attempt. */
  queued: sql`status = 'pending', next_at = null`,
  paused: sql`status = 'paused', ${staysLate}`,
  cancelled: sql`status = 'cancelled', next_at = null, completed_at = clock_timestamp(), ${staysLate}`,
} satisfies Record<string, SQL>;

type Change = keyof typeof CHANGES;

/** Null: it stands so already. */
const TRANSITIONS: Record<DeliveryVerb, Record<DeliveryStatus, Change | null | 'conflict'>> = {
  retry: {
    pending: null,
    retrying: 'due',
    paused: 'due',
    delivered: 'resent',
    failed: 'resent',
    cancelled: 'resent',
  },
  pause: {
    pending: 'paused',
    retrying: 'paused',
    paused: null,
    delivered: 'conflict',
    failed: 'conflict',
    cancelled: 'conflict',
  },
  resume: {
    pending: null,
    retrying: null,
    paused: 'due',
    delivered: 'conflict',
    failed: 'conflict',
    cancelled: 'conflict',
  },
  cancel: {
    pending: 'cancelled',
    retrying: 'cancelled',
    paused: 'cancelled',
    delivered: 'conflict',
    failed: 'conflict',
    cancelled: 'conflict',
  },
};

/**
 * Does a verb to the row of a delivery of one of the app's endpoints, with its audit entry, which says `asked` while the
 * execution still has to be told (`settleVerb`). The row is the truth: this succeeds whether or not Temporal answers.
 *
 * Answers false when it stood so already.
 *
 * @throws AppError `not_found`; `conflict` when the delivery has ended and the verb is for open ones
 */
export async function doVerb(
  db: Database,
  request: { deliveryId: string; appId: string; verb: DeliveryVerb; actor: string },
): Promise<boolean> {
  const { deliveryId, appId, verb, actor } = request;
  const here = sql`d.day = ${idDay(deliveryId)} and d.id = ${deliveryId}`;
  return db.transaction(async (tx) => {
    const [row] = await tx.execute<Row>(sql`
      select d.status, d.attempts, d.handed_over from deliveries d
      join endpoints e on e.id = d.endpoint_id and e.app_id = ${appId} and e.deleted_at is null
      where ${here} for update of d`);
    if (!row) throw new AppError('not_found', 'There is no delivery with this id.');
    const change = changeOf(verb, row);
    if (change === null) return false;
    const [changed] = await tx.execute<Pick<Row, 'status'>>(
      sql`update deliveries d set ${CHANGES[change]} where ${here} returning d.status`,
    );
    await audit(tx, {
      actor,
      action: VERB_ACTIONS[verb],
      subject: deliveryId,
      details: { from: row.status, to: changed!.status, execution: row.handed_over ? 'asked' : 'none' },
    });
    return true;
  });
}

/** @throws AppError `conflict` */
function changeOf(verb: DeliveryVerb, { status, attempts }: Row): Change | null {
  const change = TRANSITIONS[verb][status];
  if (change === 'conflict')
    throw new AppError(
      'conflict',
      status === 'cancelled' && verb === 'cancel'
        ? 'This delivery was cancelled already.'
        : `This delivery has ended (${status}), so there is nothing to ${verb}. Use \`retry\` to send it again.`,
      { details: { status } },
    );
  return change === 'due' && attempts === 0 ? 'queued' : change;
}
