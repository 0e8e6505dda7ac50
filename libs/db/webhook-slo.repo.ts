import { eq, sql, type SQL } from 'drizzle-orm';
import type { Executor } from './database';
import { FIRST_ATTEMPT_WITHIN, isLate, RETRY_WITHIN } from './delivery-lateness';
import { endpoints } from './schema/webhooks';

/**
 * The service level (design §8, docs/webhook-slo.md), read from the deliveries themselves: nothing is kept beside them that
 * could differ. A delivery counts when it was committed to an enabled endpoint; whatever becomes of the endpoint later
 * removes none.
 */
export interface SloCounts {
  total: number;
  /** Answered 2xx once, whatever a later resend did. */
  delivered: number;
  open: number;
  failed: number;
  cancelled: number;
  /** Attempted later than promised, or overdue now. */
  late: number;
}

export interface SloFigures extends SloCounts {
  /** From the commit of the event to the first attempt, in ms, to within 3 %; null without an attempt. */
  firstAttemptP50Ms: number | null;
  firstAttemptP99Ms: number | null;
}

interface EndpointSlo extends SloFigures {
  endpointId: string;
  url: string;
  deleted: boolean;
}

export interface AppSlo {
  asOf: Date;
  total: SloFigures;
  endpoints: EndpointSlo[];
}

/** Both are null when nothing was to be delivered. */
export const sloRatios = ({ total, delivered, late }: SloCounts) => ({
  raw: total === 0 ? null : delivered / total,
  ours: total === 0 ? null : (total - late) / total,
});

/** First-attempt lags are counted in classes that grow by 5 %. */
const CLASSES_PER_E_FOLD = 20;

/** A never attempted delivery is judged by what ended it, if something did; one that a person paused waits for that person. */
const isOverdue: SQL = sql`case
  when d.delivered_at is not null or d.status = 'paused' then false
  when d.first_attempt_at is null then ${isLate(
    sql`(case when d.status in ('pending', 'retrying') then now() else d.completed_at end)`,
    sql`d.queued_at`,
    FIRST_ATTEMPT_WITHIN,
  )}
  when d.status in ('pending', 'retrying') and d.next_at is not null then ${isLate(sql`now()`, sql`d.next_at`, RETRY_WITHIN)}
  else false end`;

const COUNTS: SQL = sql`
  count(*)::int as total,
  count(d.delivered_at)::int as delivered,
  count(*) filter (where d.delivered_at is null and d.status in ('pending', 'retrying', 'paused'))::int as open,
  count(*) filter (where d.delivered_at is null and d.status = 'failed')::int as failed,
  count(*) filter (where d.delivered_at is null and d.status = 'cancelled')::int as cancelled,
  count(*) filter (where d.late or ${isOverdue})::int as late`;

const DAY_MS = 86_400_000;

/**
 * Constants, as PostgreSQL would compute `now() - …` anew for each row. Clocks of publishers may differ from the database's,
 * so one partition more at each end is looked at.
 */
function inWindow(days: number): SQL {
  const now = Date.now();
  const at = (daysAgo: number): string => new Date(now - daysAgo * DAY_MS).toISOString();
  return sql`d.day between ${at(days + 1).slice(0, 10)}::date and ${at(-1).slice(0, 10)}::date
    and d.created_at >= ${at(days)}::timestamptz and d.counted`;
}

interface ClassRow extends Record<string, unknown>, SloCounts {
  endpoint_id: string;
  /** Null: not attempted. */
  lag_class: number | null;
}

/**
 * The service level of an app's deliveries of the last `days` days, per endpoint (newest first) and together. Endpoints
 * that were deleted stay as long as they have deliveries in it. One pass over the window's partitions.
 */
export async function readAppSlo(db: Executor, appId: string, days: number): Promise<AppSlo> {
  const own = await db
    .select({
      endpointId: endpoints.id,
      url: endpoints.url,
      deletedAt: endpoints.deletedAt,
      asOf: sql<string>`now()`,
    })
    .from(endpoints)
    .where(eq(endpoints.appId, appId));
  const rows = await db.execute<ClassRow>(sql`
    select d.endpoint_id, ${COUNTS}, floor(ln(greatest(1,
        date_part('epoch', d.first_attempt_at - d.created_at) * 1000)) * ${CLASSES_PER_E_FOLD})::int as lag_class
    from deliveries d join endpoints e on e.id = d.endpoint_id
    where e.app_id = ${appId} and ${inWindow(days)}
    group by d.endpoint_id, lag_class`);
  const byEndpoint = Map.groupBy(rows, (row) => row.endpoint_id);
  return {
    asOf: own[0] ? new Date(own[0].asOf) : new Date(),
    total: figuresOf(rows),
    endpoints: own
      .filter(({ endpointId, deletedAt }) => deletedAt === null || byEndpoint.has(endpointId))
      .sort((a, b) => (a.endpointId < b.endpointId ? 1 : -1))
      .map(({ endpointId, url, deletedAt }) => ({
        endpointId,
        url,
        deleted: deletedAt !== null,
        ...figuresOf(byEndpoint.get(endpointId) ?? []),
      })),
  };
}

/** The service level of everybody's deliveries of the last `days` days; costs about half a second per million of them. */
export async function readOverallSlo(db: Executor, days: number): Promise<SloCounts> {
  const [row] = await db.execute<SloCounts & Record<string, unknown>>(sql`
    select ${COUNTS} from deliveries d join endpoints e on e.id = d.endpoint_id where ${inWindow(days)}`);
  return row!;
}

/** Deliveries that wait for their first attempt and for the next one; read from two partial indexes. */
export async function countWaiting(db: Executor): Promise<{ pending: number; retrying: number }> {
  const [row] = await db.execute<{ pending: number; retrying: number }>(sql`
    select (select count(*)::int from deliveries where status = 'pending') as pending,
      (select count(*)::int from deliveries where status = 'retrying') as retrying`);
  return row!;
}

function figuresOf(rows: readonly ClassRow[]): SloFigures {
  const sum = (column: keyof SloCounts): number => rows.reduce((all, row) => all + row[column], 0);
  const attempted = rows
    .flatMap(({ lag_class: lagClass, total }) => (lagClass === null ? [] : [{ lagClass, total }]))
    .sort((a, b) => a.lagClass - b.lagClass);
  return {
    total: sum('total'),
    delivered: sum('delivered'),
    open: sum('open'),
    failed: sum('failed'),
    cancelled: sum('cancelled'),
    late: sum('late'),
    firstAttemptP50Ms: percentileMs(attempted, 0.5),
    firstAttemptP99Ms: percentileMs(attempted, 0.99),
  };
}

/** The middle of the class in which that share of the attempts is reached. */
function percentileMs(classes: readonly { lagClass: number; total: number }[], share: number): number | null {
  let missing = Math.ceil(share * classes.reduce((all, row) => all + row.total, 0));
  for (const { lagClass, total } of classes) {
    missing -= total;
    if (missing <= 0) return Math.round(Math.exp((lagClass + 0.5) / CLASSES_PER_E_FOLD));
  }
  return null;
}
