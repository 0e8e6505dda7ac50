import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import type { Sealer } from '../libs/crypto/sealer';
import type { Database } from '../libs/db/database';
import type { Stack } from '../scripts/stack';
import { waitUntil } from '../test/support/wait-until';
import { startJob } from './webhooks-child';
import { monotonicMs, rounded } from './webhooks-clock';
import type { CpuMeter, CpuSeconds } from './webhooks-cpu';
import type { LoadJob, LoadResult } from './webhooks-loader';
import { countDelivered, hasOpenDeliveries, makeTargets, type Target } from './webhooks-rows';
import type { Sink } from './webhooks-sink-client';
import type { SinkStats } from './webhooks-sink-ledger';

/** What the cases share. */
export interface Bench {
  stack: Stack;
  db: Database;
  sealer: Sealer;
  sink: Sink;
  cpu: CpuMeter;
  /** 1, or 0.1 with `--quick`. */
  scale: number;
  totals: { lost: number; duplicates: number };
  say: (line: string) => void;
}

export type Figures = Record<string, number>;

const CONNECTIONS = 32;
const DRAIN_TIMEOUT_MS = 60_000;

/** Apps, endpoints and users for a case; its endpoints are `/<group>/0`, `/<group>/1`, … of the receiver. */
export const targetsOf = (
  bench: Bench,
  group: string,
  count: number,
  usersPerApp: number,
): Promise<Target[]> =>
  makeTargets(bench.db, bench.sealer, {
    count,
    usersPerApp,
    urlOf: (endpoint) => bench.sink.urlOf(group, endpoint),
  });

interface CaseLoad extends Pick<LoadJob, 'targets' | 'eventsPerTransaction' | 'transactions' | 'pace'> {
  group: string;
  /** Index of an endpoint that never answers: it counts neither as lost nor in the figures. */
  deadEndpoint?: number;
  /** Deliveries later than so many ms after the last transaction was due do not count into `perSecond`. */
  graceMs?: number;
  /** Runs while the load is on. */
  meanwhile?: () => Promise<void>;
}

export interface CaseResult {
  load: LoadResult;
  sink: SinkStats;
  /** Events that were committed for endpoints that answer. */
  expected: number;
  lost: number;
  /** Deliveries per second: closed loop from the first transaction to the last receipt, open loop see `graceMs`. */
  perSecond: number;
  /** CPU of the case by group, in seconds. */
  cpu: CpuSeconds;
}

/**
 * Publishes, waits until everything that can arrive has arrived and the ledger is closed, and adds to the totals of lost
 * and duplicate deliveries. A checkpoint comes first, so that no case pays for what the one before it wrote.
 * @throws Error when it does not drain, or when ledger and receiver disagree
 */
export async function runLoad(bench: Bench, load: CaseLoad): Promise<CaseResult> {
  const { db, sink, stack, cpu } = bench;
  await db.execute(sql`checkpoint`);
  const { targets, eventsPerTransaction, transactions, pace, group, deadEndpoint } = load;
  const job = await startJob<LoadJob, LoadResult>('webhooks-loader', {
    databaseUrl: stack.env['DATABASE_URL']!,
    connections: CONNECTIONS,
    targets,
    eventsPerTransaction,
    transactions,
    pace,
  });
  try {
    const deadPath = deadEndpoint === undefined ? undefined : `${group}/${deadEndpoint}`;
    const answering = targets.filter((_, n) => n !== deadEndpoint).map(({ endpointId }) => endpointId);
    const expected = eventsPerTransaction * countOwn(transactions, targets.length, deadEndpoint);
    const earlier = await sink.stats(group, { ...(deadPath === undefined ? {} : { except: deadPath }) });
    const before = cpu.read(job.pid);
    const beganAt = monotonicMs();
    const runTimeoutMs = DRAIN_TIMEOUT_MS + ('everyMs' in pace ? transactions * pace.everyMs : 60_000);
    const [result] = await Promise.all([job.run(runTimeoutMs), load.meanwhile?.()]);
    const arrived = await arrival(bench, group, earlier.unique + expected, deadPath);
    await waitUntil(async () => !(await hasOpenDeliveries(db, answering)), {
      what: `${group}: the last acks`,
      timeoutMs: DRAIN_TIMEOUT_MS,
      intervalMs: 100,
    });
    const after = cpu.read(job.pid);
    const seconds = (monotonicMs() - beganAt) / 1000;
    // A worker that was killed takes its CPU time along, and `others` would hold it.
    if (load.meanwhile === undefined) sayNoise(bench, group, (after.others - before.others) / seconds);
    const delivered = await countDelivered(db, answering);
    const windowMs = 'everyMs' in pace ? transactions * pace.everyMs : 0;
    const stats = await sink.stats(group, {
      ...(deadPath === undefined ? {} : { except: deadPath }),
      until: result.startedAt + windowMs + (load.graceMs ?? 0),
    });
    const received = stats.unique - earlier.unique;
    bench.totals.lost += expected - received;
    bench.totals.duplicates += stats.duplicates - earlier.duplicates;
    if (arrived && delivered !== stats.unique)
      throw new Error(`${group}: the receiver has ${stats.unique}, the ledger calls ${delivered} delivered`);
    return {
      load: result,
      sink: stats,
      expected,
      lost: expected - received,
      perSecond:
        windowMs === 0
          ? (received / (stats.lastAt - result.startedAt)) * 1000
          : (stats.inTime / windowMs) * 1000,
      cpu: Object.fromEntries(
        Object.entries(after).map(([name, seconds]) => [name, seconds - before[name as keyof CpuSeconds]]),
      ) as unknown as CpuSeconds,
    };
  } finally {
    job.end();
  }
}

const NOISE_CORES = 0.2;

/** Says when the machine was not ours alone: the figures of such a case are worse than the product. */
function sayNoise(bench: Bench, group: string, cores: number): void {
  if (cores > NOISE_CORES)
    bench.say(`  (${group}: other programs kept ${rounded(cores)} of ${cpus().length} cores busy)`);
}

/** How many of `transactions`, dealt out in turn to `targets`, go to others than the dead one. */
function countOwn(transactions: number, targets: number, dead: number | undefined): number {
  if (dead === undefined) return transactions;
  return transactions - Math.floor(transactions / targets) - (dead < transactions % targets ? 1 : 0);
}

/** Waits for everything; false when nothing more came for a minute and some are missing, which are lost then. */
async function arrival(
  bench: Bench,
  group: string,
  expected: number,
  except: string | undefined,
): Promise<boolean> {
  let seen = -1;
  let lastProgress = Date.now();
  for (;;) {
    const now = await bench.sink.unique(group, except);
    if (now >= expected) return true;
    if (now > seen) lastProgress = Date.now();
    else if (Date.now() - lastProgress > DRAIN_TIMEOUT_MS) return false;
    seen = now;
    await sleep(100);
  }
}
