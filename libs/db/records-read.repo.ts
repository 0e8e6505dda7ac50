import { and, desc, eq, gte, isNull, lt, notInArray, sql, type SQL } from 'drizzle-orm';
import type { ProviderId } from '../core/providers';
import type { ShapedStream } from '../health/records';
import type { Executor } from './database';
import { integrations } from './schema/integrations';
import { records } from './schema/records';

export type StoredRecord = typeof records.$inferSelect;

/** A bound of a list: an instant compares with `startsAt`, a civil date (YYYY-MM-DD) with the record's own date. */
export type TimeBound = { instant: Date } | { date: string };

export interface RecordQuery {
  userId: string;
  stream: ShapedStream;
  /** Inclusive. */
  from: TimeBound | null;
  /** Exclusive. */
  to: TimeBound | null;
  provider: ProviderId | null;
  /** Providers whose policy hides their records from this caller. */
  hidden: readonly ProviderId[];
  limit: number;
  /** The last record of the page before. */
  before: { startsAt: Date; id: string } | null;
}

/** One user's live records of a stream, newest first; `limit + 1` rows tell that there are more. */
export async function listRecords(db: Executor, query: RecordQuery): Promise<StoredRecord[]> {
  return db
    .select()
    .from(records)
    .where(
      and(
        eq(records.userId, query.userId),
        eq(records.stream, query.stream),
        isNull(records.deletedAt),
        query.from === null ? undefined : atOrAfter(query.from),
        query.to === null ? undefined : before(query.to),
        query.provider === null ? undefined : eq(records.provider, query.provider),
        query.hidden.length === 0 ? undefined : notInArray(records.provider, [...query.hidden]),
        query.before === null
          ? undefined
          : sql`(${records.startsAt}, ${records.id}) < (${query.before.startsAt.toISOString()}::timestamptz, ${query.before.id})`,
      ),
    )
    .orderBy(desc(records.startsAt), desc(records.id))
    .limit(query.limit + 1);
}

const atOrAfter = (bound: TimeBound): SQL =>
  'date' in bound ? gte(records.localDate, bound.date) : gte(records.startsAt, bound.instant);

const before = (bound: TimeBound): SQL =>
  'date' in bound ? lt(records.localDate, bound.date) : lt(records.startsAt, bound.instant);

/** Providers a user has, or had, an integration with. */
export async function providersOfUser(db: Executor, userId: string): Promise<ProviderId[]> {
  const rows = await db
    .select({ provider: integrations.provider })
    .from(integrations)
    .where(eq(integrations.userId, userId))
    .groupBy(integrations.provider);
  return rows.map((r) => r.provider);
}
