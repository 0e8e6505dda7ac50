import { Gauge, type Registry } from 'prom-client';
import type { Database } from '../db/database';
import { countDefaultPartitionRows } from '../db/webhook-partitions.repo';
import { countWaiting, readOverallSlo, sloRatios } from '../db/webhook-slo.repo';
import type { Logger } from '../telemetry/logger';
import { SlowReading, type ReadingOptions } from './slow-reading';

const SLO_DAYS = 30;
/** A scrape waits no longer for the database; what comes later is for the next scrape. */
const SCRAPE_WAIT_MS = 2_000;
const BACKLOG: ReadingOptions = { validMs: 15_000, waitMs: SCRAPE_WAIT_MS };
const SLOW: ReadingOptions = { validMs: 60_000, waitMs: SCRAPE_WAIT_MS };

/**
 * Gauges of what the database knows of webhooks, read only when Prometheus asks. While the database does not answer they
 * keep their last value: other alerts tell of that.
 */
export function observeWebhookLedger(registry: Registry, db: Database, logger: Logger): void {
  const registers = [registry];
  const onError = (error: unknown): void => logger.warn('webhook metrics could not be read', { error });

  const waiting = new SlowReading(() => countWaiting(db), onError, BACKLOG);
  new Gauge({
    name: 'diettracker_webhooks_waiting',
    help: 'Deliveries that wait: pending (for the first attempt) or retrying (for the next one)',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = await waiting.value();
      if (counts === null) return;
      this.set({ state: 'pending' }, counts.pending);
      this.set({ state: 'retrying' }, counts.retrying);
    },
  });

  const slo = new SlowReading(() => readOverallSlo(db, SLO_DAYS), onError, SLOW);
  new Gauge({
    name: 'diettracker_webhook_slo_ratio',
    help: 'Service level of the last 30 days over all apps, see docs/webhook-slo.md',
    labelNames: ['kind'],
    registers,
    async collect() {
      const counts = await slo.value();
      if (counts === null) return;
      const { raw, ours } = sloRatios(counts);
      this.set({ kind: 'raw' }, raw ?? 1);
      this.set({ kind: 'ours' }, ours ?? 1);
    },
  });

  const strays = new SlowReading(() => countDefaultPartitionRows(db), onError, SLOW);
  new Gauge({
    name: 'diettracker_webhook_default_partition_rows',
    help: 'Rows of events, deliveries and attempts that no partition of a day covers; should be 0',
    registers,
    async collect() {
      const rows = await strays.value();
      if (rows !== null) this.set(rows);
    },
  });
}
