import { Counter, Gauge, Histogram, type Metric, type Registry } from 'prom-client';
import type { DeliveryToSend } from '../db/deliveries.repo';
import type { DeliveryResult } from '../db/delivery-results.repo';

/** Fine where we promise, coarse where something is wrong: p50 and p99 are read from these. */
const LAG_BUCKETS_S = [
  0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 15,
  30, 60, 300,
];

/**
 * What Prometheus sees of the webhooks that this process sent. What the database knows is in ledger-metrics.ts. Several of
 * one registry share their metrics: prom-client refuses a second one of the same name.
 */
export class WebhookMetrics {
  readonly inFlight: Gauge<'shard'>;
  readonly #attempts: Counter<'result' | 'attempt' | 'status'>;
  readonly #deliveries: Counter<'result'>;
  readonly #lag: Histogram;
  readonly #duration: Histogram<'result'>;
  readonly #claimed: Counter;
  readonly #wakeUps: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const once = <T extends Metric>(name: string, make: (name: string) => T): T =>
      (registry.getSingleMetric(name) as T | undefined) ?? make(name);
    this.inFlight = once(
      'diettracker_webhooks_in_flight',
      (name) => new Gauge({ name, help: 'First attempts under way', labelNames: ['shard'], registers }),
    );
    this.#attempts = once(
      'diettracker_webhook_attempts_total',
      (name) =>
        new Counter({
          name,
          help: 'Attempts by what became of the delivery and the class of the HTTP status',
          labelNames: ['result', 'attempt', 'status'],
          registers,
        }),
    );
    this.#deliveries = once(
      'diettracker_webhook_deliveries_total',
      (name) =>
        new Counter({
          name,
          help: 'Deliveries that ended: delivered, failed (no attempt left) or cancelled',
          labelNames: ['result'],
          registers,
        }),
    );
    this.#lag = once(
      'diettracker_webhook_lag_seconds',
      (name) =>
        new Histogram({
          name,
          help: 'From the commit of an event to the answer to its first attempt',
          buckets: LAG_BUCKETS_S,
          registers,
        }),
    );
    this.#duration = once(
      'diettracker_webhook_attempt_seconds',
      (name) =>
        new Histogram({
          name,
          help: 'Duration of one attempt',
          labelNames: ['result'],
          buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
          registers,
        }),
    );
    this.#claimed = once(
      'diettracker_webhooks_claimed_total',
      (name) => new Counter({ name, help: 'Deliveries that dispatchers claimed', registers }),
    );
    this.#wakeUps = once(
      'diettracker_webhook_wake_ups_total',
      (name) => new Counter({ name, help: 'Notifications that woke sleeping dispatchers', registers }),
    );
  }

  /** An attempt was made, or the delivery was cancelled instead. */
  observe(delivery: DeliveryToSend, result: DeliveryResult): void {
    const attempt = delivery.attempts === 0 ? 'first' : 'later';
    if (result.status !== 'retrying') this.#deliveries.inc({ result: result.status });
    if (result.attempt === null) return;
    const { statusCode, durationMs } = result.attempt;
    this.#attempts.inc({ result: result.status, attempt, status: statusClass(statusCode) });
    this.#duration.observe({ result: result.status }, durationMs / 1000);
    if (delivery.attempts === 0)
      this.#lag.observe(Math.max(0, Date.now() - Date.parse(delivery.occurredAt)) / 1000);
  }

  claimed(deliveries: number): void {
    this.#claimed.inc(deliveries);
  }

  woken(): void {
    this.#wakeUps.inc();
  }
}

/** `2xx` … `5xx`, or `none` when no HTTP answer came. */
const statusClass = (statusCode: number | null): string =>
  statusCode === null ? 'none' : `${Math.floor(statusCode / 100)}xx`;
