import { historyToJSON } from '@temporalio/common/lib/proto-utils';
import { sql } from 'drizzle-orm';
import { accessContext, refreshContext } from '../../activities/token-custody';
import { loadConfig } from '../../libs/config/config';
import { Sealer } from '../../libs/crypto/sealer';
import { startReceiver, type Receiver } from '../../scripts/demo/receiver';
import { syncWorkflowId } from '../../workflows/contract';
import { connect, finishedRun, startSystem, type IntegrationView, type System } from '../support/system';
import { waitUntil } from '../support/wait-until';

let system: System;
let receiver: Receiver;
beforeAll(async () => {
  system = await startSystem();
  receiver = await startReceiver();
});
afterAll(async () => {
  await receiver?.close();
  await system?.stop();
});

interface Truth {
  count: number;
  records: { sourceId: string; deleted: boolean }[];
}

const sourceIds = async (integrationId: string, stream: string): Promise<string[]> => {
  const rows = await system.database.db.execute<{ source_id: string }>(sql`
    select source_id from records where integration_id = ${integrationId} and stream = ${stream} and deleted_at is null`);
  return rows.map((row) => row.source_id).sort((a, b) => (a < b ? -1 : 1));
};

/** The access and the refresh token of an integration, in clear. */
async function tokensOf(integrationId: string): Promise<string[]> {
  const sealer = new Sealer(loadConfig(system.env).ENCRYPTION_KEYS);
  const [row] = await system.database.db.execute<{ id: string; access: string; refresh: string }>(sql`
    select a.id, a.access_token_sealed as access, a.refresh_token_sealed as refresh
    from integrations i join provider_accounts a on a.id = i.account_id where i.id = ${integrationId}`);
  return [
    sealer.open(row!.access, accessContext(row!.id)),
    sealer.open(row!.refresh, refreshContext(row!.id)),
  ];
}

const truth = async (provider: string, account: string, stream: string): Promise<string[]> => {
  const { records } = (await system.control(
    'GET',
    `/truth/${provider}/${account}/${stream}`,
  )) as unknown as Truth;
  return records
    .filter((record) => !record.deleted)
    .map((record) => record.sourceId)
    .sort((a, b) => (a < b ? -1 : 1));
};

test('connect two providers, sync, deliver, sync again, disconnect', async () => {
  const { api } = await system.partner('Main Job');
  const endpoint = await api.post<{ id: string; secret: string }>('/v1/webhooks/endpoints', {
    url: receiver.url,
  });
  receiver.useSecret(endpoint.secret);
  const user = await api.post<{ id: string }>('/v1/users', { displayName: 'Ada' });

  const integrations: Record<string, string> = {};
  for (const provider of ['strava', 'google_health']) {
    const data = { days: 60, activities: 45, ...(provider === 'strava' ? {} : { weights: 2200 }) };
    await system.control('PUT', `/accounts/${provider}/ada`, data);
    const { integrationId, callback } = await connect(api, user.id, provider, {
      account: 'ada',
      decision: 'allow',
    });
    expect(callback).toMatchObject({ status: 200, body: { integrationId } });
    integrations[provider] = integrationId;
  }
  const first = await Promise.all(Object.values(integrations).map((id) => finishedRun(api, id)));
  expect(first.map((run) => run.outcome)).toEqual(['ok', 'ok']);
  expect(await sourceIds(integrations['strava']!, 'activity')).toEqual(
    await truth('strava', 'ada', 'activity'),
  );
  expect(await sourceIds(integrations['google_health']!, 'activity')).toEqual(
    await truth('google_health', 'ada', 'activity'),
  );
  expect(await sourceIds(integrations['google_health']!, 'weight')).toEqual(
    await truth('google_health', 'ada', 'weight'),
  );

  // Reads over the public API.
  const weights = await api.get<{ data: { weightKg: number }[]; nextCursor: string | null }>(
    `/v1/weight?userId=${user.id}&limit=500`,
  );
  expect(weights.data).toHaveLength(500);
  expect(weights.nextCursor).not.toBeNull();
  expect(weights.data[0]!.weightKg).toBeGreaterThan(20);

  // Nothing changed at the providers: nothing is written, nothing is said.
  const count = async () => {
    const [row] = await system.database.db.execute(sql`
      select (select count(*)::int from records) as records, (select count(*)::int from events) as events`);
    return row;
  };
  const before = await count();
  const again = await api.post<{ synced: number; outcome: string }>(
    '/v1/integrations/googlehealth',
    { userId: user.id },
    { prefer: 'wait=60' },
  );
  expect(again).toMatchObject({ synced: 0, outcome: 'unchanged' });
  expect(await count()).toEqual(before);

  // An edit and a new record at the provider are one change each.
  await system.control('POST', '/records/google_health/ada/weight', {
    physicalTime: new Date(Date.now() - 3_600_000).toISOString(),
    weightGrams: 77_700,
  });
  expect(
    await api.post('/v1/integrations/google_health', { userId: user.id }, { prefer: 'wait=60' }),
  ).toMatchObject({ synced: 1 });

  // Every event reached the endpoint once, signed so that the standard library accepts it.
  const [events] = await system.database.db.execute<{ n: number }>(
    sql`select count(*)::int as n from events where user_id = ${user.id}`,
  );
  await waitUntil(() => receiver.delivered() >= events!.n, { what: 'the webhooks', timeoutMs: 30_000 });
  expect(receiver.delivered()).toBe(events!.n);
  expect(receiver.verified()).toBe(events!.n);
  expect([...receiver.types().keys()]).toEqual(
    expect.arrayContaining(['weight.created', 'activity.created', 'sync.completed', 'integration.connected']),
  );

  // Operators find the run by its search attributes, and its history tells no secret and no health value.
  const workflowId = syncWorkflowId(integrations['google_health']!);
  await waitUntil(
    async () =>
      (
        await system.temporal.client.workflow.count(
          `IntegrationId = '${integrations['google_health']!}' AND SyncTrigger = 'user' AND SyncOutcome = 'ok'`,
        )
      ).count > 0,
    { what: 'the run in visibility' },
  );
  const history = historyToJSON(await system.temporal.client.workflow.getHandle(workflowId).fetchHistory());
  const decoded = [...history.matchAll(/"data":\s*"([A-Za-z0-9+/=]+)"/g)].map((m) =>
    Buffer.from(m[1]!, 'base64').toString('utf8'),
  );
  expect(decoded.join('\n')).toContain(integrations['google_health']!);
  const told = `${history}${decoded.join('\n')}`;
  const tokens = await tokensOf(integrations['google_health']!);
  expect(tokens).toHaveLength(2);
  for (const secret of ['weightKg', '77.7', '77700', 'Bearer', 'v1.k1.', ...tokens])
    expect(told).not.toContain(secret);

  // Disconnect: revoked at the provider, data stays, a further sync is refused.
  const removed = await api.raw('DELETE', `/v1/integrations/${integrations['strava']!}`);
  expect(removed.status).toBe(202);
  await waitUntil(
    async () => {
      const view = await api.get<IntegrationView>(`/v1/integrations/${integrations['strava']!}`);
      const [row] = await system.database.db.execute(sql`
        select a.access_token_sealed as token from integrations i join provider_accounts a on a.id = i.account_id where i.id = ${view.id}`);
      return view.status === 'disconnected' && row!['token'] === null;
    },
    { what: 'the disconnect' },
  );
  expect((await system.control('GET', '/stats'))['revocations']).toEqual({ 'strava/ada': 1 });
  const refused = await api.raw('POST', `/v1/integrations/${integrations['strava']!}/sync`, {});
  expect(refused.status).toBe(409);
  expect(await sourceIds(integrations['strava']!, 'activity')).not.toHaveLength(0);
});
