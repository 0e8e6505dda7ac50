import { rounded } from './webhooks-clock';
import type { Figures } from './webhooks-run';

/** The bars of issue 4 and the table that compares them with a run. */

/** The bars hold on a machine whose bare loop reaches this. */
const BARE_LOOP_PER_SECOND = 6_000;

interface Bar {
  figure: string;
  what: string;
  least?: number;
  most?: number;
  /** Slower machines get a bar in proportion: less per second, more ms and CPU. */
  scales: boolean;
}

const BARS: readonly Bar[] = [
  { figure: 'singleTxPerSecond', what: 'closed loop, 1 event per tx, /s', least: 1_500, scales: true },
  { figure: 'cpuSecondsPer1000', what: '  its CPU s per 1,000', most: 1.0, scales: true },
  { figure: 'closedPerSecond', what: 'closed loop, 100 events per tx, /s', least: 3_000, scales: true },
  { figure: 'closedCpuSecondsPer1000', what: '  its CPU s per 1,000', most: 0.6, scales: true },
  { figure: 'lowP50Ms', what: 'open loop 100/s, p50 ms', most: 8, scales: true },
  { figure: 'lowP99Ms', what: '  p99 ms', most: 30, scales: true },
  { figure: 'openPerSecond', what: 'open loop 1,000/s, delivered /s', least: 1_000, scales: true },
  { figure: 'openP99Ms', what: '  p99 ms', most: 100, scales: true },
  { figure: 'hangHealthyPerSecond', what: '1 of 20 hangs, healthy /s of 950', least: 945, scales: true },
  { figure: 'hangP99Ms', what: '  p99 ms', most: 150, scales: true },
  { figure: 'killSlowestMs', what: 'kill -9 at 400/s, slowest ms', most: 10_000, scales: true },
  { figure: 'bigBodyRssMb', what: '20 × 200 MB answers, worker + MB', most: 30, scales: false },
  { figure: 'backlogP99Ratio', what: '200,000 on a dead endpoint, p99 ×', most: 1.5, scales: false },
  { figure: 'idleQueriesPerSecond', what: 'no endpoint, most frequent query /s', most: 1, scales: false },
  { figure: 'lost', what: 'lost in all cases', most: 0, scales: false },
];

/** A count over some seconds may hold one more than its rate: 21 in 20 s is once a second. */
const EDGE = 1.05;

function verdict(bar: Bar, value: number, factor: number): { bar: string; met: boolean } {
  const by = bar.scales ? factor : 1;
  if (bar.least !== undefined) {
    const least = bar.least * by;
    return { bar: `≥ ${rounded(least)}`, met: value >= least };
  }
  const most = (bar.most ?? 0) / by;
  const edge = bar.figure === 'idleQueriesPerSecond' ? EDGE : 1;
  return { bar: `≤ ${rounded(most, 2)}`, met: value <= most * edge };
}

/** Lines to print: case, figure, bar, met or not. Figures that were not measured (`--only`) are left out. */
export function tableOf(figures: Figures): string[] {
  const bare = figures['bareLoopPerSecond'] ?? BARE_LOOP_PER_SECOND;
  const factor = Math.min(1, bare / BARE_LOOP_PER_SECOND);
  const rows = BARS.flatMap((bar) => {
    const value = figures[bar.figure];
    if (value === undefined) return [];
    const { bar: text, met } = verdict(bar, value, factor);
    return [[bar.what, String(value), text, met ? 'met' : 'NOT MET'] as const];
  });
  const line = ([what, value, bar, met]: readonly [string, string, string, string]): string =>
    `${what.padEnd(38)}${value.padStart(10)}  ${bar.padEnd(12)}${met}`;
  return [
    '',
    line(['case', 'figure', 'bar', '']),
    ...rows.map(line),
    '',
    `bare undici loop in this run: ${Math.round(bare)}/s` +
      (factor < 1
        ? `, below ${BARE_LOOP_PER_SECOND}/s: rates, times and CPU are held against bars × or ÷ ${rounded(factor, 2)}`
        : `, at least ${BARE_LOOP_PER_SECOND}/s: the bars stand as written`),
    'The peers in the table of issue 4 were driven through their HTTP publish call, this product by SQL commits.',
    'Latency counts from the time an event was due to be published, its transaction included, to its receipt.',
  ];
}
