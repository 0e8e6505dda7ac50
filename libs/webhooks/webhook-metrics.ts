import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DeliveryToSend } from '../db/deliveries.repo';
import type { DeliveryResult } from '../db/delivery-results.repo';

/** What Prometheus sees of webhooks in one process. */
export class WebhookMetrics {
  readonly inFlight: Gauge<'shard'>;
  readonly #attempts: Counter<'result' | 'attempt'>;
  readonly #lag: Histogram;
  readonly #duration: Histogram<'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.inFlight = new Gauge({
      name: 'diettracker_webhooks_in_flight',
      help: 'First attempts under way',
      labelNames: ['shard'],
      registers,
    });
    this.#attempts = new Counter({
      name: 'diettracker_webhook_attempts_total',
      help: 'Attempts by what became of the delivery',
      labelNames: ['result', 'attempt'],
      registers,
    });
    this.#lag = new Histogram({
      name: 'diettracker_webhook_lag_seconds',
      help: 'From the commit of an event to the answer to its first attempt',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 15, 60, 300],
      registers,
    });
    this.#duration = new Histogram({
      name: 'diettracker_webhook_attempt_seconds',
      help: 'Duration of one attempt',
      labelNames: ['result'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    });
  }

  observe(delivery: DeliveryToSend, result: DeliveryResult): void {
    const attempt = delivery.attempts === 0 ? 'first' : 'later';
    this.#attempts.inc({ result: result.status, attempt });
    if (result.attempt === null) return;
    this.#duration.observe({ result: result.status }, result.attempt.durationMs / 1000);
    if (delivery.attempts === 0)
      this.#lag.observe(Math.max(0, Date.now() - Date.parse(delivery.occurredAt)) / 1000);
  }
}
