import { sql } from 'drizzle-orm';
import { executePrepared, type Database, type Executor } from './database';

/** Dispatchers that sleep listen here; the payload is empty. */
export const WAKE_CHANNEL = 'webhook_dispatch';

/**
 * Wakes sleeping webhook dispatchers; for publishers, after COMMIT. A NOTIFY serialises the commits of the whole database,
 * so it is sent only while one sleeps: the dispatcher sets `sleeping`, commits and polls once more before it waits, so
 * what was committed before this statement is either seen by that poll or told here. False: the database did not
 * answer, which is no failure of the caller, whose data is committed; the dispatcher polls every second.
 */
export const wakeDispatchers = (db: Executor): Promise<boolean> =>
  executePrepared(
    db,
    sql`select pg_notify(${WAKE_CHANNEL}, '') from dispatch_shards where sleeping limit 1`,
  ).then(
    () => true,
    () => false,
  );

/** A transaction that appends events as its last statement, and the wake-up after its COMMIT. */
export async function publishing<T>(db: Database, work: (tx: Executor) => Promise<T>): Promise<T> {
  const answer = await db.transaction(work);
  await wakeDispatchers(db);
  return answer;
}
