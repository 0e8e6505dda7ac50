import { percentile } from './webhooks-clock';

export interface SinkStats {
  /** Requests that were answered 200. */
  received: number;
  /** Different webhook-ids per endpoint among them, and the rest. */
  unique: number;
  duplicates: number;
  /** Requests that got no answer (mode `hang`). */
  unanswered: number;
  /** `received` without duplicates no later than the time asked for. */
  inTime: number;
  /** Monotonic ms of the first and the last receipt; 0 when there is none. */
  firstAt: number;
  lastAt: number;
  /** From the event's `data.at` to its first receipt, in ms. */
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** What one endpoint received. */
export class PathLedger {
  unanswered = 0;
  #duplicates = 0;
  readonly #ids = new Set<string>();
  readonly #receivedAt: number[] = [];
  readonly #latencyMs: number[] = [];

  /** Only the first receipt of an id counts for the latency. */
  add(id: string, publishedAt: number, receivedAt: number): void {
    if (this.#ids.has(id)) {
      this.#duplicates += 1;
      return;
    }
    this.#ids.add(id);
    this.#receivedAt.push(receivedAt);
    this.#latencyMs.push(receivedAt - publishedAt);
  }

  /** Different webhook-ids per endpoint, summed up. */
  static unique(ledgers: readonly PathLedger[]): number {
    return ledgers.reduce((total, ledger) => total + ledger.#ids.size, 0);
  }

  /** Figures of several endpoints together. @param until monotonic ms up to which `inTime` counts */
  static stats(ledgers: readonly PathLedger[], until: number): SinkStats {
    const sum = (count: (ledger: PathLedger) => number): number =>
      ledgers.reduce((total, ledger) => total + count(ledger), 0);
    const latencies = Float64Array.from(ledgers.flatMap((ledger) => ledger.#latencyMs)).sort();
    const times = Float64Array.from(ledgers.flatMap((ledger) => ledger.#receivedAt)).sort();
    const unique = PathLedger.unique(ledgers);
    const duplicates = sum((ledger) => ledger.#duplicates);
    return {
      received: unique + duplicates,
      unique,
      duplicates,
      unanswered: sum((ledger) => ledger.unanswered),
      inTime: times.filter((time) => time <= until).length,
      firstAt: times[0] ?? 0,
      lastAt: times.at(-1) ?? 0,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      maxMs: latencies.at(-1) ?? 0,
    };
  }
}
