import { setTimeout as pause } from 'node:timers/promises';
import { sql, type SQL } from 'drizzle-orm';
import type { Database, Executor } from './database';
import { isLockTimeout, isPartitionConflict } from './sql-state';

/** The tables that are partitioned by `day`, in the order in which they are locked. */
const TABLES = ['events', 'deliveries', 'attempts'] as const;

/** Any number, the same in every process: two maintenances take turns. */
const MAINTENANCE_LOCK = 7_240_994;
/** Behind a waiting lock everybody else queues up; also shorter than deadlock_timeout, so we are always the one to give way. */
const LOCK_TIMEOUT = '300ms';
const TRIES = 6;
const RETRY_PAUSE_MS = 500;
/** Days of rows in DEFAULT partitions that one run moves; the next run takes the rest. */
const MAX_MOVED_DAYS = 100;
/** Rows are counted up to this number per table. */
const MAX_COUNTED_ROWS = 10_000;

/** Read as rows: `to_regclass` may answer from a cache that has not heard of another maintenance's COMMIT. */
const PARTITIONS = sql.raw(
  `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'deliveries'::regclass`,
);
const OPEN = sql.raw(`(status in ('pending', 'retrying', 'paused') or handed_over)`);

export interface PartitionPlan {
  /** Days made ahead of today. */
  aheadDays: number;
  /** Days kept beside today, at least 35: a delivery may be retried for days and is then shown for 30 more. */
  keepDays: number;
}

/** What a run did; days are UTC, `YYYY-MM-DD`. */
export interface PartitionMaintenance {
  made: string[];
  /** Rows of the three tables that stood in DEFAULT partitions and now have their own. */
  movedRows: number;
  dropped: string[];
  /** Old days that stay because a delivery of theirs is still open. */
  keptOpen: string[];
  /** Days whose tables were too busy to be locked: the next run tries again. */
  postponed: string[];
}

/**
 * Makes the missing days ahead, gives rows that fell into a DEFAULT partition a partition of their own, and drops days
 * older than `keepDays` in which no delivery is open. Each day is one transaction over the three tables. Safe to call from
 * several processes at once. Waits at most 300 ms for a lock, as whoever uses the tables waits with it.
 *
 * @throws the driver's error, but for lock timeouts
 */
export async function maintainPartitions(db: Database, plan: PartitionPlan): Promise<PartitionMaintenance> {
  const done: PartitionMaintenance = { made: [], movedRows: 0, dropped: [], keptOpen: [], postponed: [] };
  for (const day of await missingDays(db, plan.aheadDays)) {
    const moved = await whenLockable(() => makeDay(db, day));
    if (moved === 'busy') done.postponed.push(day);
    else if (moved !== null) {
      done.made.push(day);
      done.movedRows += moved;
    }
  }
  for (const day of await oldDays(db, plan.keepDays)) {
    const answer = (await hasOpen(db, day)) ? 'open' : await whenLockable(() => dropDay(db, day));
    if (answer === 'busy') done.postponed.push(day);
    else if (answer === 'open') done.keptOpen.push(day);
    else if (answer) done.dropped.push(day);
  }
  return done;
}

/** Rows of the three tables that no partition of a day covers, up to 10,000 per table. Should be 0. */
export async function countDefaultPartitionRows(db: Executor): Promise<number> {
  const counts = TABLES.map(
    (table) =>
      sql`(select count(*) from (select 1 from ${defaultOf(table)} limit ${MAX_COUNTED_ROWS}) as found)`,
  );
  const [row] = await db.execute<{ rows: string }>(sql`select ${sql.join(counts, sql` + `)} as rows`);
  return Number(row!.rows);
}

const defaultOf = (table: string): SQL => sql.raw(`${table}_default`);
/** `day` comes from `to_char` below: nothing of a caller's enters the SQL. */
const partitionOf = (table: string, day: string): SQL => sql.raw(`${table}_${day.replaceAll('-', '')}`);

/** Yesterday to `aheadDays` from now, and the days of rows in DEFAULT partitions, as far as they have no partition. */
async function missingDays(db: Executor, aheadDays: number): Promise<string[]> {
  const strays = TABLES.map((table) => sql`select day from ${defaultOf(table)}`);
  const rows = await db.execute<{ day: string }>(sql`
    with today as (select (clock_timestamp() at time zone 'UTC')::date as day), wanted as (
      select generate_series(day - 1, day + ${aheadDays}::int, interval '1 day')::date as day from today
      union
      (select distinct day from (${sql.join(strays, sql` union all `)}) as strays order by day limit ${MAX_MOVED_DAYS})
    )
    select to_char(day, 'YYYY-MM-DD') as day from wanted
    where 'deliveries_' || to_char(day, 'YYYYMMDD') not in (${PARTITIONS}) order by day`);
  return rows.map((row) => row.day);
}

async function oldDays(db: Executor, keepDays: number): Promise<string[]> {
  const rows = await db.execute<{ day: string }>(sql`
    select to_char(day, 'YYYY-MM-DD') as day
    from (${PARTITIONS}) as p
    cross join lateral (select to_date(substring(p.relname from '^deliveries_([0-9]{8})$'), 'YYYYMMDD') as day) as d
    where day < (clock_timestamp() at time zone 'UTC')::date - ${keepDays}::int
    order by day`);
  return rows.map((row) => row.day);
}

async function hasOpen(db: Executor, day: string): Promise<boolean> {
  const [row] = await db.execute<{ open: boolean }>(
    sql`select exists (select 1 from deliveries where day = ${day}::date and ${OPEN}) as open`,
  );
  return row!.open;
}

/**
 * Makes the three partitions of a day; answers how many rows it moved there, null when somebody else was faster. ATTACH
 * locks the DEFAULT partition only, where PARTITION OF would lock the whole table. Rows are moved with writers held off the
 * table: one that had chosen the DEFAULT partition already would fail afterwards.
 */
async function makeDay(db: Database, day: string, moves = false): Promise<number | null> {
  try {
    return await db.transaction(async (tx) => {
      await beginMaintenance(tx);
      if (await exists(tx, day)) return null;
      if (moves)
        await tx.execute(sql.raw(`lock table only ${TABLES.join(', only ')} in share row exclusive mode`));
      let rows = 0;
      for (const table of TABLES) {
        const [all, own, strays] = [sql.identifier(table), partitionOf(table, day), defaultOf(table)];
        await tx.execute(sql`create table ${own} (like ${all} including defaults)`);
        if (moves) {
          const moved = await tx.execute<{ rows: string }>(sql`
            with moved as (delete from ${strays} where day = ${day}::date returning *), stored as (
              insert into ${own} select * from moved returning 1)
            select count(*) as rows from stored`);
          rows += Number(moved[0]!.rows);
        }
        await tx.execute(sql`
          alter table ${all} attach partition ${own} for values from (${sql.raw(`'${day}'`)}) to (${sql.raw(`date '${day}' + 1`)})`);
      }
      return rows;
    });
  } catch (error) {
    if (moves || !isPartitionConflict(error)) throw error;
    return makeDay(db, day, true);
  }
}

/** Drops the partitions of a day, unless a delivery of it is open: nobody can open one while the tables are locked. */
async function dropDay(db: Database, day: string): Promise<boolean | 'open'> {
  return db.transaction(async (tx) => {
    await beginMaintenance(tx);
    if (!(await exists(tx, day))) return false;
    await tx.execute(sql.raw(`lock table only ${TABLES.join(', only ')} in access exclusive mode`));
    if (await hasOpen(tx, day)) return 'open';
    for (const table of TABLES) await tx.execute(sql`drop table ${partitionOf(table, day)}`);
    return true;
  });
}

async function beginMaintenance(tx: Executor): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${MAINTENANCE_LOCK})`);
  await tx.execute(sql.raw(`set local lock_timeout = '${LOCK_TIMEOUT}'`));
}

async function exists(tx: Executor, day: string): Promise<boolean> {
  const [row] = await tx.execute<{ found: boolean }>(
    sql`select ${`deliveries_${day.replaceAll('-', '')}`} in (${PARTITIONS}) as found`,
  );
  return row!.found;
}

/** `busy` when the locks could not be had in several tries. */
async function whenLockable<T>(work: () => Promise<T>): Promise<T | 'busy'> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (tries === TRIES) return 'busy';
      await pause(RETRY_PAUSE_MS);
    }
  }
}
