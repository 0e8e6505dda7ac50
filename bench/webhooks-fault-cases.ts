import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../test/support/wait-until';
import { monotonicMs, rounded } from './webhooks-clock';
import { residentBytes, workerPid } from './webhooks-cpu';
import { makeBacklog, retireTargets, settle, type Target } from './webhooks-rows';
import { type Bench, type CaseResult, type Figures, runLoad, targetsOf } from './webhooks-run';

/** Rates and latencies while a partner, or the worker, misbehaves. */

const ENDPOINTS = 20;
const DEAD = ENDPOINTS - 1;
const USERS_PER_ENDPOINT = 10;

export async function hangingEndpoint(bench: Bench): Promise<Figures> {
  const targets = await targetsOf(bench, '/hang', ENDPOINTS, USERS_PER_ENDPOINT);
  await bench.sink.setMode(`/hang/${DEAD}`, 'hang');
  const { perSecond, sink } = await runLoad(bench, {
    group: '/hang',
    targets,
    deadEndpoint: DEAD,
    eventsPerTransaction: 10,
    transactions: Math.round(2_000 * bench.scale),
    pace: { everyMs: 10 },
    graceMs: 150,
  });
  bench.say(
    `1 of ${ENDPOINTS} endpoints never answers, 1,000/s: the others ${rounded(perSecond)} of 950/s, ` +
      `p50 ${rounded(sink.p50Ms)} ms, p99 ${rounded(sink.p99Ms)} ms, slowest ${rounded(sink.maxMs)} ms`,
  );
  await retire(bench, '/hang', targets);
  return { hangHealthyPerSecond: rounded(perSecond), hangP99Ms: rounded(sink.p99Ms) };
}

/** Gives up what is open for the case's endpoints and lets their hanging requests go. */
async function retire(bench: Bench, group: string, targets: readonly Target[]): Promise<void> {
  await retireTargets(bench.db, targets);
  await bench.sink.setMode(`${group}/${DEAD}`, 'accept');
}

export async function killedWorker(bench: Bench): Promise<Figures> {
  const targets = await targetsOf(bench, '/kill', ENDPOINTS, USERS_PER_ENDPOINT);
  const seconds = Math.max(12, 20 * bench.scale);
  let downMs = 0;
  const { sink, expected, lost } = await runLoad(bench, {
    group: '/kill',
    targets,
    eventsPerTransaction: 4,
    transactions: seconds * 100,
    pace: { everyMs: 10 },
    meanwhile: async () => {
      await sleep(5_000);
      const killedAt = monotonicMs();
      await bench.stack.killWorker();
      await sleep(3_000);
      await bench.stack.startWorker();
      downMs = monotonicMs() - killedAt;
    },
  });
  bench.say(
    `kill -9 of the worker at 400/s, restarted after 3 s, ready again ${rounded(downMs / 1000)} s after the kill: ` +
      `slowest ${Math.round(sink.maxMs)} ms from the intended time, lost ${lost}, ` +
      `duplicates ${sink.duplicates} of ${expected}`,
  );
  return { killSlowestMs: Math.round(sink.maxMs), killDuplicates: sink.duplicates };
}

export async function bigBodies(bench: Bench): Promise<Figures> {
  const targets = await targetsOf(bench, '/big', ENDPOINTS, USERS_PER_ENDPOINT);
  const load = { group: '/big', targets, eventsPerTransaction: 1 };
  await runLoad(bench, { ...load, transactions: 2_000, pace: { publishers: 8 } });
  await sleep(1_000);
  const pid = workerPid();
  const before = residentBytes(pid);
  const memory = watchMemory(pid);
  await bench.sink.setMode('/big', 'big');
  let peak: number;
  try {
    await runLoad(bench, { ...load, transactions: ENDPOINTS, pace: { publishers: ENDPOINTS } });
    await sleep(3_000);
  } finally {
    peak = memory.stop();
  }
  const mb = (peak - before) / 1024 / 1024;
  bench.say(
    `${ENDPOINTS} endpoints answer with 200 MB at once: worker + ${rounded(mb)} MB of resident memory ` +
      `(before ${Math.round(before / 1024 / 1024)} MB)`,
  );
  await retireTargets(bench.db, targets);
  return { bigBodyRssMb: rounded(mb) };
}

/** Looks every 50 ms; `stop` answers the most that was seen. */
function watchMemory(pid: number): { stop(): number } {
  const seen: number[] = [];
  let failure: unknown;
  const look = (): void => {
    try {
      seen.push(residentBytes(pid));
    } catch (error) {
      failure ??= error;
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop() {
      clearInterval(timer);
      if (failure !== undefined)
        throw new Error('the worker ended while its memory was watched', { cause: failure });
      return Math.max(...seen);
    },
  };
}

export async function backlog(bench: Bench): Promise<Figures> {
  const pending = Math.round(200_000 * bench.scale);
  const without = await healthyBesideDead(bench, '/before', 0);
  const beside = await healthyBesideDead(bench, '/backlog', pending);
  const ratio = beside.sink.p99Ms / without.sink.p99Ms;
  bench.say(
    `backlog of ${pending} on one dead endpoint: the other ${DEAD} at 500/s have p99 ${rounded(beside.sink.p99Ms)} ms ` +
      `beside it, ${rounded(without.sink.p99Ms)} ms without (p50 ${rounded(beside.sink.p50Ms)} and ` +
      `${rounded(without.sink.p50Ms)} ms)`,
  );
  return { backlogP99Ratio: rounded(ratio, 2), backlogP99Ms: rounded(beside.sink.p99Ms) };
}

/** The latency of 19 endpoints at 500/s, while a twentieth, which hangs, has `pending` deliveries waiting. */
async function healthyBesideDead(bench: Bench, group: string, pending: number): Promise<CaseResult> {
  const targets = await targetsOf(bench, group, ENDPOINTS, USERS_PER_ENDPOINT);
  await bench.sink.setMode(`${group}/${DEAD}`, 'hang');
  if (pending === 0) await settle(bench.db);
  if (pending > 0) {
    await makeBacklog(bench.db, targets[DEAD]!, pending);
    await waitUntil(async () => (await bench.sink.stats(group)).unanswered > 0, {
      what: 'the first deliveries of the backlog',
      timeoutMs: 30_000,
    });
  }
  const result = await runLoad(bench, {
    group,
    targets: targets.slice(0, DEAD),
    eventsPerTransaction: 5,
    transactions: Math.round(1_500 * bench.scale),
    pace: { everyMs: 10 },
  });
  if (pending === 0) await retire(bench, group, targets);
  return result;
}
