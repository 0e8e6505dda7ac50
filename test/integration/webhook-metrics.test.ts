import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { claimDeliveries, takeShard } from '../../libs/db/deliveries-claims';
import { closeDatabase, openDatabase } from '../../libs/db/database';
import { Logger } from '../../libs/telemetry/logger';
import { observeWebhookLedger } from '../../libs/webhooks/ledger-metrics';
import { WebhookMetrics } from '../../libs/webhooks/webhook-metrics';
import { projectRoot } from '../../scripts/project';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { publish, subscribe } from '../support/webhook-fixtures';

const logger = new Logger('test', 'error');
let t: TestDatabase;
beforeAll(async () => {
  t = await createTestDatabase();
});
afterAll(() => t.drop());

const valuesOf = async (registry: Registry, name: string): Promise<Record<string, number>> => {
  const metric = await registry.getSingleMetric(name)!.get();
  return Object.fromEntries(metric.values.map((v) => [Object.values(v.labels).join(' '), v.value]));
};

test('attempts are counted by result and status, deliveries when they end; two instances share one registry', async () => {
  const owner = await subscribe(t.db, 'https://partner.example/hook');
  await publish(t.db, owner, 3);
  const shard = { shard: 0, shards: 1 };
  const { deliveries } = await claimDeliveries(t.db, {
    ...shard,
    ...{
      epoch: await takeShard(t.db, shard),
      days: [new Date().toISOString().slice(0, 10)],
      limit: 3,
      perEndpoint: 3,
    },
    ...{ lanes: new Map(), claimed: [] },
  });
  const registry = new Registry();
  const [one, two] = [new WebhookMetrics(registry), new WebhookMetrics(registry)];
  const outcomes = [
    ['delivered', 204],
    ['failed', 410],
    ['retrying', null],
  ] as const;
  outcomes.forEach(([status, statusCode], i) => {
    const attempt = {
      number: 1,
      startedAt: new Date(),
      durationMs: 4,
      statusCode,
      error: null,
      responseExcerpt: null,
    };
    (i === 0 ? one : two).observe(deliveries[i]!, {
      deliveryId: deliveries[i]!.id,
      endpointId: owner.endpointId,
      ...{ status, retryInMs: null, endpointGone: false, endpointTroubled: false, attempt },
    });
  });
  one.observe(deliveries[0]!, {
    deliveryId: deliveries[0]!.id,
    endpointId: owner.endpointId,
    ...{ status: 'cancelled', retryInMs: null, endpointGone: false, endpointTroubled: false, attempt: null },
  });
  expect(await valuesOf(registry, 'diettracker_webhook_attempts_total')).toEqual({
    'delivered first 2xx': 1,
    'failed first 4xx': 1,
    'retrying first none': 1,
  });
  expect(await valuesOf(registry, 'diettracker_webhook_deliveries_total')).toEqual({
    delivered: 1,
    failed: 1,
    cancelled: 1,
  });
  expect(await registry.metrics()).toContain('diettracker_webhook_lag_seconds_count 3');
});

test('the ledger’s gauges are read when asked, and stay when the database is gone', async () => {
  const owner = await subscribe(t.db, 'https://partner.example/ledger');
  await t.db.execute(sql`update deliveries set status = 'failed'`);
  await publish(t.db, owner, 4);
  await t.db.execute(sql`update deliveries set status = 'retrying' where status = 'pending' and seq = 2`);
  const db = openDatabase(t.url, 2, 'test');
  const registry = new Registry();
  observeWebhookLedger(registry, db, logger);
  const expected = { pending: 3, retrying: 1 };
  expect(await valuesOf(registry, 'diettracker_webhooks_waiting')).toEqual(expected);
  expect(await valuesOf(registry, 'diettracker_webhook_slo_ratio')).toEqual({ raw: 0, ours: 1 });
  expect(await valuesOf(registry, 'diettracker_webhook_default_partition_rows')).toEqual({ '': 0 });
  await closeDatabase(db);
  expect(await valuesOf(registry, 'diettracker_webhooks_waiting')).toEqual(expected);
});

test('a database that does not answer leaves the other metrics readable', async () => {
  const db = openDatabase('postgres://nobody@127.0.0.1:1/none', 1, 'test');
  const registry = new Registry();
  new WebhookMetrics(registry).claimed(5);
  observeWebhookLedger(registry, db, new Logger('test', 'error'));
  const text = await registry.metrics();
  expect(text).toContain('diettracker_webhooks_claimed_total 5');
  expect(text).not.toContain('diettracker_webhook_slo_ratio{');
  await closeDatabase(db);
});

test.each(['temporal/deploy/prometheus-rules.yml', 'temporal/deploy/grafana/dashboards/webhooks.json'])(
  '%s names only metrics that exist',
  async (file) => {
    const registry = new Registry();
    new WebhookMetrics(registry);
    observeWebhookLedger(registry, t.db, logger);
    const known = (await registry.getMetricsAsJSON()).map((metric) => metric.name);
    const named = readFileSync(join(projectRoot, file), 'utf8').match(/diettracker_\w+/g) ?? [];
    const bare = named.map((name) => name.replace(/_(bucket|count|sum)$/, ''));
    expect(bare.length).toBeGreaterThan(5);
    expect(known).toEqual(expect.arrayContaining(bare));
  },
);
