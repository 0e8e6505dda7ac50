import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Database, Executor } from '../../libs/db/database';

export interface TransactionLanes {
  /** Ids of the transactions whose promise was kept. */
  committed: string[];
  /** What the others were rejected with, and how often. */
  rejections: Record<string, number>;
  /** Per lane, when the newest of its committed transactions was begun (epoch ms). */
  begunAt: number[];
  /** Callbacks that have not come to an end, those of dead transactions among them. */
  running: number;
  /** The most a callback spends on something else than SQL between its two rows. */
  thinkMs: number;
  /** Set it, and every lane ends with the transaction it is in. */
  stopping: boolean;
  ended: Promise<unknown>;
}

export const THINK_MS = 30;
const RETRY_MS = 20;

/** Writes the rows (`id`, 1) and (`id`, 2) in one transaction. */
type Way = (db: Database, id: string, lanes: TransactionLanes) => Promise<unknown>;

/** Starts `count` lanes that write one transaction after the other, whatever becomes of their database. */
export function startTransactionLanes(db: Database, count: number): TransactionLanes {
  const lanes: TransactionLanes = {
    committed: [],
    rejections: {},
    begunAt: Array.from({ length: count }, () => 0),
    running: 0,
    thinkMs: THINK_MS,
    stopping: false,
    ended: Promise.resolve(),
  };
  const ends = lanes.begunAt.map(async (_, lane) => {
    const way = WAYS[lane % WAYS.length]!;
    while (!lanes.stopping) {
      const id = randomUUID();
      const begunAt = Date.now();
      try {
        await way(db, id, lanes);
        lanes.committed.push(id);
        lanes.begunAt[lane] = begunAt;
      } catch (error) {
        const name = nameOf(error);
        lanes.rejections[name] = (lanes.rejections[name] ?? 0) + 1;
        await pause(RETRY_MS);
      }
    }
  });
  lanes.ended = Promise.all(ends);
  return lanes;
}

/** The innermost cause's code, because drizzle wraps what the driver throws. Sockets' errors are not of jest's realm. */
export function nameOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('cause' in error && error.cause) return nameOf(error.cause);
  if ('code' in error) return String(error.code);
  return 'message' in error ? String(error.message) : 'unknown';
}

const insert = (executor: Executor, id: string, part: number): Promise<unknown> =>
  executor.execute(sql`insert into parts (id, part) values (${id}, ${part})`);

async function counted<T>(lanes: TransactionLanes, work: () => Promise<T>): Promise<T> {
  lanes.running++;
  try {
    return await work();
  } finally {
    lanes.running--;
  }
}

const pipelined: Way = (db, id, lanes) =>
  db.transaction((tx) =>
    counted(lanes, async () => {
      await Promise.all([insert(tx, id, 1), tx.execute(sql`select pg_sleep(0.01)`), insert(tx, id, 2)]);
      await tx.execute(sql`select count(*) from parts where id = ${id}`);
    }),
  );

class TakenBack extends Error {}

const withSavepoints: Way = (db, id, lanes) =>
  db.transaction((tx) =>
    counted(lanes, async () => {
      await insert(tx, id, 1);
      try {
        await tx.transaction(async (inner) => {
          await insert(inner, id, 3);
          throw new TakenBack();
        });
      } catch (error) {
        if (!(error instanceof TakenBack)) throw error;
      }
      await tx.transaction((inner) => insert(inner, id, 2));
    }),
  );

/** Does something else in the middle; what it does when its connection is lost goes on all the same. */
const thinking: Way = (db, id, lanes) =>
  db.transaction((tx) =>
    counted(lanes, async () => {
      await insert(tx, id, 1);
      await pause(Math.random() * lanes.thinkMs);
      await insert(tx, id, 2);
    }),
  );

const reserving: Way = async (db, id, lanes) => {
  const connection = await db.$client.reserve();
  await counted(lanes, async () => {
    try {
      await connection`begin`;
      await connection`insert into parts (id, part) values (${id}, 1)`;
      await pause(Math.random() * THINK_MS);
      await connection`insert into parts (id, part) values (${id}, 2)`;
      await connection`commit`;
    } finally {
      connection.release();
    }
  });
};

const WAYS: readonly Way[] = [pipelined, withSavepoints, thinking, thinking, reserving];
