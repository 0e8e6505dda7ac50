import { startJob } from './webhooks-child';
import { rounded } from './webhooks-clock';
import type { BareLoopJob, BareLoopResult } from './webhooks-bare-loop';
import type { CpuSeconds } from './webhooks-cpu';
import { type Bench, type CaseResult, type Figures, runLoad, targetsOf } from './webhooks-run';

/** Rates and latencies while nothing goes wrong. */

const PUBLISHERS = 32;
/** More users than publishers: two transactions rarely want the same user's sequence row, as in the engine. */
const USERS = 64;
const ENDPOINTS = 20;
const USERS_PER_ENDPOINT = 10;

/** One measurement of the same POSTs without a product. */
export async function bareLoop(bench: Bench): Promise<number> {
  const posts = Math.max(2_000, Math.round(15_000 * bench.scale));
  const job = await startJob<BareLoopJob, BareLoopResult>('webhooks-bare-loop', {
    url: bench.sink.urlOf('/bare', 0),
    posts,
    inFlight: 8,
  });
  try {
    const { perSecond, bodyBytes } = await job.run(60_000);
    bench.say(`bare loop: ${Math.round(perSecond)} POSTs/s of ${bodyBytes} bytes, signed, 8 in flight`);
    return perSecond;
  } finally {
    job.end();
  }
}

/** Deliveries that count for no figure: the processes have compiled their hot paths afterwards. */
export async function warmUp(bench: Bench): Promise<void> {
  const targets = await targetsOf(bench, '/warm', 1, USERS);
  const load = { group: '/warm', targets, pace: { publishers: PUBLISHERS } };
  await runLoad(bench, { ...load, eventsPerTransaction: 10, transactions: 300 });
}

async function closedLoop(bench: Bench, group: string, eventsPerTransaction: number): Promise<CaseResult> {
  const targets = await targetsOf(bench, group, 1, USERS);
  return runLoad(bench, {
    group,
    targets,
    eventsPerTransaction,
    transactions: Math.round((20_000 * bench.scale) / eventsPerTransaction),
    pace: { publishers: PUBLISHERS },
  });
}

/** CPU seconds per 1,000 deliveries. `product` is what the bars are about: all without receiver and publisher. */
function cpuPer1000(cpu: CpuSeconds, deliveries: number): { product: number; line: string } {
  const per = (seconds: number): number => rounded((seconds / deliveries) * 1000, 3);
  const product = cpu.worker + cpu.postgres + cpu.temporal + cpu.api;
  const parts = (['worker', 'postgres', 'temporal', 'api', 'loader', 'sink'] as const)
    .map((name) => `${name} ${per(cpu[name])}`)
    .join(', ');
  return {
    product: per(product),
    line:
      `CPU s per 1,000: ${per(product)} without sink and loader (cpuSecondsPer1000), ` +
      `${per(product + cpu.loader)} without sink, ${per(product + cpu.loader + cpu.sink)} all (${parts})`,
  };
}

function rateLine({ perSecond, sink, load }: CaseResult): string {
  return (
    `${Math.round(perSecond)}/s, p50 ${rounded(sink.p50Ms)} ms, p99 ${rounded(sink.p99Ms)} ms, ` +
    `slowest ${rounded(sink.maxMs)} ms, duplicates ${sink.duplicates} ` +
    `(the publishing itself: p50 ${rounded(load.publishP50Ms)} ms, p99 ${rounded(load.publishP99Ms)} ms)`
  );
}

export async function singleTransactions(bench: Bench): Promise<Figures> {
  const result = await closedLoop(bench, '/single', 1);
  const cpu = cpuPer1000(result.cpu, result.expected);
  bench.say(`closed loop, 1 event per transaction: ${rateLine(result)}`);
  bench.say(`  ${cpu.line}`);
  return { singleTxPerSecond: Math.round(result.perSecond), cpuSecondsPer1000: cpu.product };
}

export async function batchedTransactions(bench: Bench): Promise<Figures> {
  const result = await closedLoop(bench, '/closed', 100);
  const cpu = cpuPer1000(result.cpu, result.expected);
  bench.say(`closed loop, 100 events per transaction: ${rateLine(result)}`);
  bench.say(`  ${cpu.line}`);
  return { closedPerSecond: Math.round(result.perSecond), closedCpuSecondsPer1000: cpu.product };
}

export async function lowRate(bench: Bench): Promise<Figures> {
  const targets = await targetsOf(bench, '/low', ENDPOINTS, USERS_PER_ENDPOINT);
  const load = { group: '/low', targets, eventsPerTransaction: 1, pace: { everyMs: 10 } };
  const result = await runLoad(bench, { ...load, transactions: Math.round(2_000 * bench.scale) });
  bench.say(`open loop 100/s (1 event every 10 ms): ${rateLine(result)}`);
  return { lowP50Ms: rounded(result.sink.p50Ms), lowP99Ms: rounded(result.sink.p99Ms) };
}

export async function openLoop(bench: Bench): Promise<Figures> {
  const targets = await targetsOf(bench, '/open', ENDPOINTS, USERS_PER_ENDPOINT);
  const result = await runLoad(bench, {
    group: '/open',
    targets,
    eventsPerTransaction: 10,
    transactions: Math.round(3_000 * bench.scale),
    pace: { everyMs: 10 },
    graceMs: 100,
  });
  bench.say(`open loop 1,000/s (a transaction of 10 events every 10 ms): ${rateLine(result)}`);
  bench.say(`  ${cpuPer1000(result.cpu, result.expected).line}`);
  return {
    openPerSecond: rounded(result.perSecond, 0),
    openP50Ms: rounded(result.sink.p50Ms),
    openP99Ms: rounded(result.sink.p99Ms),
  };
}
