import { parseArgs } from 'node:util';
import { loadConfig } from '../libs/config/config';
import { Sealer } from '../libs/crypto/sealer';
import { closeDatabase, openDatabase } from '../libs/db/database';
import { startStack, type Stack } from '../scripts/stack';
import {
  bareLoop,
  batchedTransactions,
  lowRate,
  openLoop,
  singleTransactions,
  warmUp,
} from './webhooks-cases';
import { rounded } from './webhooks-clock';
import { openCpuMeter, refuseOtherSystems } from './webhooks-cpu';
import { backlog, bigBodies, hangingEndpoint, killedWorker } from './webhooks-fault-cases';
import { idle } from './webhooks-idle';
import { tableOf } from './webhooks-report';
import type { Bench, Figures } from './webhooks-run';
import { startSink } from './webhooks-sink-client';

/**
 * `npm run bench:webhooks`: the measured claims of webhook delivery, everything on this machine: the product as
 * deployed (worker from `dist/`, PostgreSQL with fsync, Temporal), a receiver process and a publisher process.
 * `--only=single,open` runs some cases, `--quick` a tenth of the events. Exit code 1: something could not be measured.
 */
const CASES: Readonly<Record<string, (bench: Bench) => Promise<Figures>>> = {
  single: singleTransactions,
  closed: batchedTransactions,
  low: lowRate,
  open: openLoop,
  big: bigBodies,
  // Before the cases with a dead endpoint: their retries go on for a while.
  idle,
  hang: hangingEndpoint,
  kill: killedWorker,
  backlog,
};

function readOptions(): { names: string[]; scale: number } {
  const { values } = parseArgs({ options: { only: { type: 'string' }, quick: { type: 'boolean' } } });
  const wanted = values.only?.split(',') ?? Object.keys(CASES);
  const unknown = wanted.filter((name) => !(name in CASES));
  if (unknown.length > 0)
    throw new Error(`no case is called ${unknown.join(', ')}; there are ${Object.keys(CASES).join(', ')}`);
  return {
    names: Object.keys(CASES).filter((name) => wanted.includes(name)),
    scale: values.quick === true ? 0.1 : 1,
  };
}

async function runCases(bench: Bench, names: readonly string[]): Promise<Figures> {
  const bareBefore = await bareLoop(bench);
  await warmUp(bench);
  const figures: Figures = {};
  for (const name of names) Object.assign(figures, await CASES[name]!(bench));
  const bare = (bareBefore + (await bareLoop(bench))) / 2;
  const closed = figures['closedPerSecond'];
  return {
    ...figures,
    bareLoopPerSecond: Math.round(bare),
    ...(closed === undefined ? {} : { ratioToBareLoop: rounded(closed / bare, 3) }),
    ...bench.totals,
  };
}

async function measure(stack: Stack, names: readonly string[], scale: number): Promise<Figures> {
  const db = openDatabase(stack.env['DATABASE_URL']!, 4, 'bench');
  const sink = await startSink();
  try {
    const bench: Bench = {
      stack,
      db,
      sealer: new Sealer(loadConfig(stack.env).ENCRYPTION_KEYS),
      sink,
      cpu: await openCpuMeter(db, sink.pid),
      scale,
      totals: { lost: 0, duplicates: 0 },
      say: (line) => console.log(line),
    };
    const failed = stack.failed.then((how) => {
      throw new Error(how);
    });
    return await Promise.race([runCases(bench, names), failed]);
  } finally {
    sink.close();
    await closeDatabase(db);
  }
}

async function main(): Promise<void> {
  refuseOtherSystems();
  const { names, scale } = readOptions();
  const stack = await startStack({ freshDatabase: 'diettracker_bench_webhooks' });
  let figures: Figures;
  try {
    figures = await measure(stack, names, scale);
  } finally {
    await stack.stop();
  }
  for (const line of tableOf(figures)) console.log(line);
  console.log(JSON.stringify({ bench: 'webhooks', figures }));
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
});
