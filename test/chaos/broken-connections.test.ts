import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { closeDatabase, type Database, openDatabase } from '../../libs/db/database';
import { waitUntil } from '../support/wait-until';
import { type OwnPostgres, startOwnPostgres } from './own-postgres';
import { nameOf, startTransactionLanes, THINK_MS, type TransactionLanes } from './transaction-lanes';

// What patches/postgres+3.4.9.patch is for: without it the driver ends the process, or runs what a dead transaction still
// had to say on the connection of another one.
const KILLS = 8;
const LANES = 30;
/** Fewer than lanes: a connection that is back belongs to another transaction at once. */
const POOL_SIZE = 20;
/** Longer than PostgreSQL is away. */
const LONG_THINK_MS = 4_000;
const GOES_ON_WITHIN_MS = 2_000;

let server: OwnPostgres;
let db: Database;
const opened: Database[] = [];

function openPool(poolSize: number): Database {
  const pool = openDatabase(server.databaseUrl, poolSize, 'chaos-test');
  opened.push(pool);
  return pool;
}

beforeAll(async () => {
  server = await startOwnPostgres('broken-connections');
  db = openPool(POOL_SIZE);
  await db.execute(sql`create table parts (id text, part int, primary key (id, part))`);
});
afterAll(async () => {
  await Promise.all(opened.map(closeDatabase));
  await server?.stop();
});

async function breakConnection(pid: number): Promise<void> {
  await db.execute(sql`select pg_terminate_backend(${pid}, 5000)`);
}

test('a transaction whose connection broke runs nothing on the next one', async () => {
  const pool = openPool(1);
  const goOn = Promise.withResolvers<void>();
  let late: Promise<string[]> | undefined;
  const dead = pool.transaction(async (tx) => {
    const [backend] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
    await breakConnection(backend!.pid);
    late = goOn.promise.then(async () => {
      const say = (part: number) => tx.execute(sql`insert into parts (id, part) values ('dead', ${part})`);
      const answers = await Promise.allSettled([say(1), say(2), tx.transaction(() => Promise.resolve())]);
      return answers.map((a) => (a.status === 'rejected' ? nameOf(a.reason) : a.status));
    });
    await late;
  });
  await expect(dead.catch(nameOf)).resolves.toBe('CONNECTION_CLOSED');

  await waitUntil(() => pool.execute(sql`select 1`), { what: 'the pool to heal' });
  await pool.transaction(async (tx) => {
    await tx.execute(sql`insert into parts (id, part) values ('alive', 1)`);
    goOn.resolve();
    expect(await late).toEqual(['CONNECTION_CLOSED', 'CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
    await tx.execute(sql`insert into parts (id, part) values ('alive', 2)`);
  });
  expect([
    ...(await db.execute(sql`select id, part from parts where id in ('dead', 'alive') order by part`)),
  ]).toEqual([
    { id: 'alive', part: 1 },
    { id: 'alive', part: 2 },
  ]);
}, 10_000);

test('a reserved connection that broke rejects, and its release leaves the next owner alone', async () => {
  const pool = openPool(1);
  const reserved = await pool.$client.reserve();
  const [backend] = await reserved<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await breakConnection(backend!.pid);
  for (let attempt = 1; attempt <= 3; attempt++)
    await expect(reserved`select 1`.catch(nameOf)).resolves.toMatch(/^(CONNECTION_CLOSED|ECONNRESET|57P01)$/);

  await waitUntil(() => pool.execute(sql`select 1`), { what: 'the pool to heal' });
  await pool.transaction(async (tx) => {
    await tx.execute(sql`insert into parts (id, part) values ('next', 1)`);
    reserved.release();
    const outside = pool.execute(sql`select pg_current_xact_id_if_assigned() is null as outside`);
    await tx.execute(sql`insert into parts (id, part) values ('next', 2)`);
    await expect(Promise.race([outside, pause(100, 'waits')])).resolves.toBe('waits');
  });
}, 10_000);

async function killAndRestart(lanes: TransactionLanes): Promise<number> {
  await waitUntil(() => lanes.begunAt.every((at) => at > 0), { what: 'every lane to commit' });
  lanes.thinkMs = LONG_THINK_MS;
  await pause(150 + Math.random() * 100);
  await server.kill();
  lanes.thinkMs = THINK_MS;
  await server.start();
  const backAt = Date.now();
  await waitUntil(() => lanes.begunAt.every((at) => at >= backAt), {
    what: `all of ${LANES} lanes to go on after PostgreSQL came back`,
    timeoutMs: GOES_ON_WITHIN_MS,
  });
  return Date.now() - backAt;
}

test(`${LANES} lanes of transactions survive ${KILLS} kill -9 of PostgreSQL, and no transaction stays half`, async () => {
  const lanes = startTransactionLanes(db, LANES);
  const goesOnMs: number[] = [];
  try {
    for (let kill = 1; kill <= KILLS; kill++) goesOnMs.push(await killAndRestart(lanes));
  } finally {
    lanes.stopping = true;
  }
  await lanes.ended;
  await waitUntil(() => lanes.running === 0, { what: 'the callbacks of dead transactions to end' });

  const rows = await db.execute<{ id: string; parts: string }>(sql`
    select id, string_agg(part::text, ',' order by part) as parts from parts
    where id not in ('dead', 'alive', 'next') group by id`);
  expect(rows.filter(({ parts }) => parts !== '1,2')).toEqual([]);
  const written = new Set(rows.map(({ id }) => id));
  expect(lanes.committed.filter((id) => !written.has(id))).toEqual([]);
  // Nothing is left open that would hold back VACUUM, or rows that others wait for.
  const [open] = await db.execute<{ n: number }>(sql`
    select count(*)::int as n from pg_stat_activity where state like 'idle in transaction%'`);
  expect(open!.n).toBe(0);

  const figures = {
    lanes: LANES,
    kills: KILLS,
    committed: lanes.committed.length,
    unknownButWritten: written.size - lanes.committed.length,
    slowestToGoOnMs: Math.max(...goesOnMs),
    rejections: lanes.rejections,
  };
  console.log(JSON.stringify({ bench: 'chaos-broken-connections', figures }));
}, 90_000);
