import { sql, type SQL } from 'drizzle-orm';
import { idDay } from '../core/ids';
import { arrayLiteral } from './array-literal';
import { audit } from './audit.repo';
import { staysLate } from './delivery-lateness';
import type { Database, Executor } from './database';
import type { DispatchShard } from './deliveries-claims';
import { VERB_ACTIONS, type DeliveryVerb } from './delivery-verbs.repo';
import type { DeliveryStatus } from './schema/webhooks';

/** A delivery that is meant to have an execution, as it stood at one moment. */
export interface FollowedDelivery {
  id: string;
  status: DeliveryStatus;
  /** How long ago the next attempt was due; negative while it is not; null: no time is set. */
  overdueMs: number | null;
  /** Set when the last verb came over our API and the execution has not been told yet: the row is newer. */
  askedBy: number | null;
  /** The row's version (xmin): what is decided upon it is written only while it still stands so. */
  version: string;
}

interface Row extends Record<string, unknown> {
  id: string;
  status: DeliveryStatus;
  overdue_ms: number | null;
  asked_by: string | null;
  version: string;
}

const ACTIONS = arrayLiteral(Object.values(VERB_ACTIONS));

/** Over `d`. */
const COLUMNS = sql`d.id, d.status, d.xmin::text as version,
  (extract(epoch from clock_timestamp() - d.next_at) * 1000)::float8 as overdue_ms,
  (select case when last.details->>'execution' = 'asked' then last.id end from
    (select a.id, a.details from audit_log a where a.subject = d.id and a.action = any(${ACTIONS}::text[])
      order by a.at desc, a.id desc limit 1) last) as asked_by`;

const followed = (row: Row): FollowedDelivery => ({
  id: row.id,
  status: row.status,
  overdueMs: row.overdue_ms,
  askedBy: row.asked_by === null ? null : Number(row.asked_by),
  version: row.version,
});

/** Those of the deliveries that are meant to have an execution; of one shard, or of all. */
export async function readFollowed(
  db: Executor,
  deliveryIds: readonly string[],
  shard: DispatchShard | null,
): Promise<FollowedDelivery[]> {
  if (deliveryIds.length === 0) return [];
  const days = [...new Set(deliveryIds.map(idDay))];
  const rows = await db.execute<Row>(sql`
    select ${COLUMNS} from deliveries d join endpoints e on e.id = d.endpoint_id
    where d.day = any(${arrayLiteral(days)}::date[]) and d.id = any(${arrayLiteral(deliveryIds)}::text[])
      and d.handed_over and ${inShard(shard)}`);
  return rows.map(followed);
}

export interface SweepQuery extends DispatchShard {
  /** The days to look at. */
  days: readonly string[];
  /** Goes on behind this delivery id; null: from the start. */
  after: string | null;
  limit: number;
  /** Retries overdue by so much; null: every retry, due or not. */
  overdueMs: number | null;
  /** An ended delivery's execution has so long to end by itself. */
  endedForMs: number;
}

/**
 * The next deliveries, by id, whose execution may not be in line: retries long overdue at an enabled endpoint, paused ones,
 * and ended ones that still count as handed over.
 */
export async function readSuspects(db: Executor, query: SweepQuery): Promise<FollowedDelivery[]> {
  const ms = (value: number): SQL => sql`${value}::float8 * interval '1 millisecond'`;
  const rows = await db.execute<Row>(sql`
    select ${COLUMNS} from deliveries d join endpoints e on e.id = d.endpoint_id
    where d.day = any(${arrayLiteral(query.days)}::date[]) and d.handed_over and ${inShard(query)}
      and ${query.after === null ? sql`true` : sql`(d.day, d.id) > (${idDay(query.after)}::date, ${query.after})`}
      and case d.status
        when 'pending' then false
        when 'paused' then true
        when 'retrying' then ${
          query.overdueMs === null
            ? sql`true`
            : sql`e.status = 'enabled' and d.next_at < clock_timestamp() - ${ms(query.overdueMs)}`
        }
        else d.completed_at < clock_timestamp() - ${ms(query.endedForMs)} end
    order by d.day, d.id limit ${query.limit}`);
  return rows.map(followed);
}

const inShard = (shard: DispatchShard | null): SQL =>
  shard === null ? sql`true` : sql`e.shard % ${shard.shards} = ${shard.shard}`;

/** What a verb done in Temporal makes of the row. */
const FOLLOWED_BY = {
  cancel: sql`status = 'cancelled', next_at = null, completed_at = clock_timestamp()`,
  pause: sql`status = 'paused'`,
  resume: sql`status = 'retrying', next_at = clock_timestamp()`,
  retry: sql`next_at = clock_timestamp()`,
} satisfies Record<DeliveryVerb, SQL>;

/** A verb that somebody did in Temporal; `by` null: Temporal does not tell who. */
export interface LedVerb {
  verb: DeliveryVerb;
  by: string | null;
  executionLives: boolean;
}

/** The row follows a verb that somebody did in Temporal. False: the row has changed meanwhile. */
export async function followVerb(
  db: Database,
  delivery: FollowedDelivery,
  { verb, by, executionLives }: LedVerb,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute<{ status: DeliveryStatus }>(sql`
      update deliveries d set ${FOLLOWED_BY[verb]}, handed_over = ${executionLives}, ${staysLate}
      where ${unchanged(delivery)} returning status`);
    if (!row) return false;
    await audit(tx, {
      actor: `temporal:${by ?? 'unknown'}`,
      action: VERB_ACTIONS[verb],
      subject: delivery.id,
      details: { from: delivery.status, to: row.status, execution: 'led' },
    });
    return true;
  });
}

/** The delivery has no execution any more: an open one is handed over anew. False: the row has changed meanwhile. */
export async function forgetExecution(db: Executor, delivery: FollowedDelivery): Promise<boolean> {
  const rows = await db.execute(
    sql`update deliveries d set handed_over = false where ${unchanged(delivery)} returning 1`,
  );
  return rows.length > 0;
}

/** The execution was told of the verb, or is in line with it. */
export async function settleVerb(db: Executor, { id, askedBy }: FollowedDelivery): Promise<void> {
  if (askedBy === null) return;
  await db.execute(sql`
    update audit_log set details = details || '{"execution":"told"}'
    where subject = ${id} and id <= ${askedBy} and details->>'execution' = 'asked'`);
}

const unchanged = ({ id, version }: FollowedDelivery): SQL =>
  sql`d.day = ${idDay(id)} and d.id = ${id} and d.xmin = ${version}::xid`;
