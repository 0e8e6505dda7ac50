import { newId } from '../libs/core/ids';
import { closeDatabase, openDatabase, type Database } from '../libs/db/database';
import { appendEvents, type EventOwner } from '../libs/db/outbox';
import { wakeDispatchers } from '../libs/db/wake-dispatchers';
import { serveJob } from './webhooks-child';
import { monotonicMs, percentile } from './webhooks-clock';
import { EVENT_TYPE, type Target } from './webhooks-rows';

/** The publisher of `bench:webhooks`: a process that commits events as the engine does, through `appendEvents`. */

/** 14 records in thin form make a body of about 1 KiB. */
const RECORDS = Array.from({ length: 14 }, () => ({ id: newId('record'), version: 1 }));

export interface LoadJob {
  databaseUrl: string;
  connections: number;
  /** Transactions go to the targets in turn, and to a target's owners in turn. */
  targets: readonly Target[];
  eventsPerTransaction: number;
  transactions: number;
  /**
   * Closed loop: each of so many publishers commits its next transaction after the last one. Open loop: a transaction
   * begins every so many ms, whatever became of those before.
   */
  pace: { publishers: number } | { everyMs: number };
}

export interface LoadResult {
  events: number;
  /** Monotonic ms when the first transaction began (closed loop) or was due (open loop), and the last one ended. */
  startedAt: number;
  endedAt: number;
  /** From the time a transaction was due (open loop) or began (closed loop) to the end of COMMIT and wake-up. */
  publishP50Ms: number;
  publishP99Ms: number;
}

async function publish(db: Database, owner: EventOwner, count: number, at: number): Promise<void> {
  const events = Array.from({ length: count }, () => ({
    id: newId('event'),
    type: EVENT_TYPE,
    stream: 'weight' as const,
    recordCount: RECORDS.length,
    data: {
      at,
      count: RECORDS.length,
      from: '2026-11-20T07:00:00.000Z',
      to: '2026-11-20T08:00:00.000Z',
      records: RECORDS,
    },
  }));
  // One statement is a transaction of its own.
  const deliveries = await appendEvents(db, owner, events);
  if (deliveries > 0) await wakeDispatchers(db);
}

class Loader {
  readonly #took: number[] = [];

  constructor(
    private readonly db: Database,
    private readonly job: LoadJob,
  ) {}

  async run(): Promise<LoadResult> {
    const startedAt = monotonicMs();
    const { pace } = this.job;
    if ('publishers' in pace) await this.#closedLoop(pace.publishers);
    else await this.#openLoop(startedAt, pace.everyMs);
    const endedAt = monotonicMs();
    const took = Float64Array.from(this.#took).sort();
    return {
      events: this.job.transactions * this.job.eventsPerTransaction,
      startedAt,
      endedAt,
      publishP50Ms: percentile(took, 0.5),
      publishP99Ms: percentile(took, 0.99),
    };
  }

  /** @param at monotonic ms that latencies count from */
  async #commit(transaction: number, at: number): Promise<void> {
    const { targets, eventsPerTransaction } = this.job;
    const { owners } = targets[transaction % targets.length]!;
    const owner = owners[Math.floor(transaction / targets.length) % owners.length]!;
    await publish(this.db, owner, eventsPerTransaction, at);
    this.#took.push(monotonicMs() - at);
  }

  async #closedLoop(publishers: number): Promise<void> {
    let next = 0;
    const publisher = async (): Promise<void> => {
      while (next < this.job.transactions) await this.#commit(next++, monotonicMs());
    };
    await Promise.all(Array.from({ length: publishers }, publisher));
  }

  async #openLoop(startedAt: number, everyMs: number): Promise<void> {
    const open: Promise<void>[] = [];
    for (let next = 0; next < this.job.transactions;) {
      const dueAt = startedAt + next * everyMs;
      const waitMs = dueAt - monotonicMs();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      else {
        const commit = this.#commit(next++, dueAt);
        commit.catch(() => undefined);
        open.push(commit);
      }
    }
    await Promise.all(open);
  }
}

serveJob<LoadJob, LoadResult>(async (job) => {
  const db = openDatabase(job.databaseUrl, job.connections, 'bench-loader');
  await Promise.all(Array.from({ length: job.connections }, () => db.execute('select pg_sleep(0.3)')));
  return async () => {
    const result = await new Loader(db, job).run();
    await closeDatabase(db);
    return result;
  };
});
