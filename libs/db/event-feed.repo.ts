import { sql, type SQL } from 'drizzle-orm';
import { idDay } from '../core/ids';
import { STREAM_SCOPE } from '../core/scopes';
import type { EventData, OutgoingEvent } from '../webhooks/outgoing-event';
import { arrayLiteral } from './array-literal';
import { executePrepared, type Database, type Executor } from './database';

/** "feed" in ASCII. */
const SEQUENCER_LOCK = 0x66_65_65_64;
/** Events that get their place in one transaction. */
const SEQUENCE_BATCH = 10_000;
/** Rows of the feed that one page looks at, whatever the filters leave of them. */
const SCAN_ROWS = 5_000;

/**
 * Gives committed events their place in the feed, in order of time: at most `SEQUENCE_BATCH` of them. One sequencer at a
 * time numbers what is committed and commits before the next one begins, so whoever has read up to a place never sees
 * an event appear before it (design §8 "Order"). Answers how many got a place.
 */
export async function sequenceEvents(db: Database): Promise<number> {
  // The order makes the planner take the index of what waits: without it a table without such rows is read whole.
  const waiting = await executePrepared(
    db,
    sql`select 1 from events where feed_seq is null order by occurred_at, seq limit 1`,
  );
  if (waiting.length === 0) return 0;
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${SEQUENCER_LOCK}::bigint)`);
    // A statement of its own: its snapshot is taken with the lock held, so it sees what the sequencer before committed.
    const rows = await executePrepared(
      tx,
      sql`
      with batch as materialized (
        select day, id from events where feed_seq is null order by occurred_at, seq, id limit ${SEQUENCE_BATCH}::int
      ), numbered as materialized (select day, id, nextval('event_feed') as place from batch)
      update events e set feed_seq = n.place from numbered n where e.day = n.day and e.id = n.id
      returning 1`,
    );
    return rows.length;
  });
}

/** Who reads, as it stands at this moment. */
export interface FeedReader {
  appId: string;
  /** Providers whose policy lets partners receive their records. */
  providers: readonly string[];
}

export interface FeedQuery extends FeedReader {
  /** The place after which to go on; 0 begins with the oldest event that is kept. */
  after: number;
  limit: number;
  /** As in an endpoint's `eventTypes`. */
  types: readonly string[];
  /** Only events of this user; null: of every user that granted, and of the app itself. */
  userId: string | null;
}

export interface FeedPage {
  events: OutgoingEvent[];
  /** The place of the last row that was looked at. */
  next: number;
  hasMore: boolean;
}

interface EventRow extends Record<string, unknown> {
  id: string;
  type: string;
  occurred_at: string;
  user_id: string | null;
  integration_id: string | null;
  seq: string | null;
  data: EventData;
}

interface FeedRow extends EventRow {
  feed_seq: string;
}

interface ScanRow extends Record<string, unknown> {
  last: string | null;
  rows: number;
}

const eventOf = (row: EventRow): OutgoingEvent => ({
  id: row.id,
  type: row.type,
  occurredAt: new Date(row.occurred_at).toISOString(),
  userId: row.user_id,
  integrationId: row.integration_id,
  seq: row.seq === null ? null : Number(row.seq),
  data: row.data,
});

/**
 * A live grant that covers the event `ev` now and the provider's policy, or an event of the app itself: the rule by which
 * deliveries are made and sent.
 */
const isVisible = ({ appId, providers }: FeedReader): SQL => sql`
  (ev.app_id = ${appId} or ev.provider = any(${arrayLiteral(providers)}::text[]) and exists (
    select 1 from grants g where g.app_id = ${appId} and g.user_id = ev.user_id and g.revoked_at is null
      and coalesce(${JSON.stringify(STREAM_SCOPE)}::jsonb ->> ev.stream, 'integrations.read') = any(g.scopes)))`;

/** The next page of an app's feed. A page may be empty and still have more behind it. */
export async function readFeed(db: Executor, query: FeedQuery): Promise<FeedPage> {
  const [scan] = await executePrepared<ScanRow>(
    db,
    sql`
    select max(feed_seq) as last, count(*)::int as rows
    from (select feed_seq from events where feed_seq > ${query.after}::bigint order by feed_seq limit ${SCAN_ROWS}::int) s`,
  );
  if (!scan || scan.last === null) return { events: [], next: query.after, hasMore: false };
  const rows = await executePrepared<FeedRow>(
    db,
    sql`
    select ev.feed_seq, ev.id, ev.type, ev.occurred_at, ev.user_id, ev.integration_id, ev.seq, ev.data
    from events ev
    where ev.feed_seq > ${query.after}::bigint and ev.feed_seq <= ${scan.last}::bigint and ${isVisible(query)}
      and array[ev.type, split_part(ev.type, '.', 1) || '.*', '*'] && ${arrayLiteral(query.types)}::text[]
      and (${query.userId}::text is null or ev.user_id = ${query.userId}::text)
    order by ev.feed_seq limit ${query.limit + 1}::int`,
  );
  const kept = rows.slice(0, query.limit);
  const full = rows.length > query.limit;
  return {
    events: kept.map(eventOf),
    next: Number(full ? kept.at(-1)!.feed_seq : scan.last),
    hasMore: full || scan.rows === SCAN_ROWS,
  };
}

/** The first place that is kept and the last one that was given; `first` is one more than `last` when nothing is kept. */
export async function feedBounds(db: Executor): Promise<{ first: number; last: number }> {
  const [row] = await executePrepared<{ first: string | null; last: string }>(
    db,
    sql`
    select (select min(feed_seq) from events) as first, case when is_called then last_value else 0 end as last
    from event_feed`,
  );
  const last = Number(row!.last);
  return { first: row!.first === null ? last + 1 : Number(row!.first), last };
}

/** One event, if the reader may see it now. */
export async function findEvent(db: Executor, reader: FeedReader, id: string): Promise<OutgoingEvent | null> {
  const [row] = await db.execute<EventRow>(sql`
    select ev.id, ev.type, ev.occurred_at, ev.user_id, ev.integration_id, ev.seq, ev.data
    from events ev where ev.day = ${idDay(id)} and ev.id = ${id} and ${isVisible(reader)}`);
  return row ? eventOf(row) : null;
}
