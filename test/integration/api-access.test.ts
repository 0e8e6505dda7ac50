import { eq } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { appendEvents } from '../../libs/db/outbox';
import { grantAccess, revokeApiKey, revokeGrant } from '../../libs/db/principals.repo';
import { apiKeys } from '../../libs/db/schema/principals';
import { integrations, syncRuns } from '../../libs/db/schema/integrations';
import { records } from '../../libs/db/schema/records';
import { startTestApi, type Answer, type TestApi } from '../support/api';
import { anyApp, anyIntegration, anyUser, grant } from '../support/fixtures';

/** Two apps, two users: app `one` has a grant of Ann, app `two` one of Bob. */
interface Side {
  appId: string;
  userId: string;
  key: string;
  userKey: string;
  integrationId: string;
  runId: string;
  recordId: string;
  endpointId: string;
}

let api: TestApi;
let one: Side;
let two: Side;

async function anyRecord(userId: string, integrationId: string, provider: 'strava' | 'google_health') {
  const id = newId('record');
  await api.database.db.insert(records).values({
    id,
    integrationId,
    userId,
    provider,
    stream: provider === 'strava' ? 'activity' : 'weight',
    sourceId: id,
    version: 1,
    contentHash: 'x',
    hashVersion: 1,
    orderAt: new Date(),
    startsAt: new Date('2026-11-20T06:00:00Z'),
    localDate: '2026-11-20',
    content: provider === 'strava' ? { sport: 'Run' } : { weightKg: 70 },
    provenance: {},
  });
  return id;
}

async function makeSide(): Promise<Side> {
  const { db } = api.database;
  const [appId, userId] = [await anyApp(db), await anyUser(db)];
  await grant(db, appId, userId);
  const key = await api.keyOf(appId);
  const { integrationId } = await anyIntegration(db, userId, 'google_health');
  const runId = newId('run');
  await db.insert(syncRuns).values({ id: runId, integrationId, trigger: 'user' });
  const recordId = await anyRecord(userId, integrationId, 'google_health');
  const endpoint = await api.call(key, 'POST', '/v1/webhooks/endpoints', {
    url: `https://${appId.replace('_', '-')}.example/hook`,
  });
  expect(endpoint.status).toBe(201);
  return {
    appId,
    userId,
    key,
    userKey: await api.keyOf(appId, userId),
    integrationId,
    runId,
    recordId,
    endpointId: String(endpoint.body['id']),
  };
}

const ids = (answer: Answer): unknown[] => (answer.body['data'] as { id: unknown }[]).map((row) => row.id);

beforeAll(async () => {
  api = await startTestApi();
  one = await makeSide();
  two = await makeSide();
});

afterAll(() => api.close());

describe('what was not granted', () => {
  it.each(['partner', 'user'] as const)('is not listed, with a %s key', async (kind) => {
    const key = kind === 'partner' ? one.key : one.userKey;
    expect(ids(await api.call(key, 'GET', '/v1/users'))).toEqual([one.userId]);
    expect(ids(await api.call(key, 'GET', '/v1/integrations'))).toEqual([one.integrationId]);
    const weight = await api.call(key, 'GET', `/v1/weight?userId=${one.userId}`);
    expect(ids(weight)).toEqual([one.recordId]);
  });

  it.each(['partner', 'user'] as const)('is forbidden by user id, with a %s key', async (kind) => {
    const key = kind === 'partner' ? one.key : one.userKey;
    const answers = await Promise.all([
      api.call(key, 'GET', `/v1/integrations?userId=${two.userId}`),
      api.call(key, 'GET', `/v1/weight?userId=${two.userId}`),
      api.call(key, 'GET', `/v1/activities?userId=${two.userId}`),
      api.call(key, 'POST', '/v1/integrations/google_health', { userId: two.userId }),
      api.call(key, 'POST', '/v1/integrations/strava/connect', { userId: two.userId }),
    ]);
    expect(answers.map((a) => [a.status, a.body['code']])).toEqual(answers.map(() => [403, 'forbidden']));
  });

  it('answers the same for a user who does not exist', async () => {
    const answer = await api.call(one.key, 'GET', `/v1/weight?userId=${newId('user')}`);
    expect(answer.status).toBe(403);
  });

  it.each(['partner', 'user'] as const)('is not there by id, with a %s key', async (kind) => {
    const key = kind === 'partner' ? one.key : one.userKey;
    const answers = await Promise.all([
      api.call(key, 'GET', `/v1/integrations/${two.integrationId}`),
      api.call(key, 'POST', `/v1/integrations/${two.integrationId}/sync`),
      api.call(key, 'POST', `/v1/integrations/${two.integrationId}`),
      api.call(key, 'DELETE', `/v1/integrations/${two.integrationId}`),
      api.call(key, 'GET', `/v1/runs?integrationId=${two.integrationId}`),
      api.call(key, 'GET', `/v1/runs/${two.runId}`),
    ]);
    expect(answers.map((a) => [a.status, a.body['code']])).toEqual(answers.map(() => [404, 'not_found']));
    const [row] = await api.database.db
      .select()
      .from(integrations)
      .where(eq(integrations.id, two.integrationId));
    expect(row).toMatchObject({ status: 'active', generation: 1 });
  });

  it("leaves another app's endpoints out of reach", async () => {
    expect(ids(await api.call(one.key, 'GET', '/v1/webhooks/endpoints'))).toEqual([one.endpointId]);
    const path = `/v1/webhooks/endpoints/${two.endpointId}`;
    const answers = await Promise.all([
      api.call(one.key, 'GET', path),
      api.call(one.key, 'GET', `${path}/deliveries`),
      api.call(one.key, 'DELETE', path),
    ]);
    expect(answers.map((a) => a.status)).toEqual([404, 404, 404]);
    expect((await api.call(two.key, 'GET', path)).status).toBe(200);
    expect((await api.call(one.userKey, 'GET', '/v1/webhooks/endpoints')).status).toBe(403);
  });

  it('is not received: an event of Ann makes a delivery for her app alone', async () => {
    const eventId = newId('event');
    await api.database.db.transaction((tx) =>
      appendEvents(
        tx,
        { userId: one.userId, integrationId: one.integrationId, provider: 'google_health', reExport: true },
        [{ id: eventId, type: 'weight.created', stream: 'weight', recordCount: 1, data: { count: 1 } }],
      ),
    );
    const deliveries = (side: Side) =>
      api.call(side.key, 'GET', `/v1/webhooks/endpoints/${side.endpointId}/deliveries`);
    expect((await deliveries(one)).body['data']).toMatchObject([
      { eventId, status: 'pending', attempts: [] },
    ]);
    expect((await deliveries(two)).body['data']).toEqual([]);
  });
});

describe('scopes', () => {
  it('cover a data type each', async () => {
    const side = await makeSide();
    await grantAccess(api.database.db, side.appId, side.userId, ['body.read']);
    expect((await api.call(side.key, 'GET', `/v1/weight?userId=${side.userId}`)).status).toBe(200);
    expect((await api.call(side.key, 'GET', `/v1/activities?userId=${side.userId}`)).status).toBe(403);
    expect((await api.call(side.key, 'GET', `/v1/integrations/${side.integrationId}`)).status).toBe(404);
    expect(ids(await api.call(side.key, 'GET', '/v1/integrations'))).toEqual([]);
  });

  it('tell reading from writing: what can be seen but not changed is forbidden, not missing', async () => {
    const side = await makeSide();
    await grantAccess(api.database.db, side.appId, side.userId, ['integrations.read']);
    expect((await api.call(side.key, 'GET', `/v1/integrations/${side.integrationId}`)).status).toBe(200);
    expect((await api.call(side.key, 'DELETE', `/v1/integrations/${side.integrationId}`)).status).toBe(403);
  });

  it('end with the grant, and a key with its revocation', async () => {
    const side = await makeSide();
    await revokeGrant(api.database.db, side.appId, side.userId);
    expect((await api.call(side.key, 'GET', `/v1/weight?userId=${side.userId}`)).status).toBe(403);
    expect(ids(await api.call(side.key, 'GET', '/v1/users'))).toEqual([]);
    expect((await api.call(side.userKey, 'GET', '/v1/weight')).status).toBe(200);
    const keys = await api.database.db.select().from(apiKeys).where(eq(apiKeys.appId, side.appId));
    for (const { id } of keys) await revokeApiKey(api.database.db, id);
    expect((await api.call(side.userKey, 'GET', '/v1/weight')).status).toBe(401);
  });
});

it('withholds records of a provider whose terms forbid re-export from the partner, not from the user', async () => {
  const side = await makeSide();
  const { integrationId } = await anyIntegration(api.database.db, side.userId, 'strava');
  const recordId = await anyRecord(side.userId, integrationId, 'strava');
  const asPartner = await api.call(side.key, 'GET', `/v1/activities?userId=${side.userId}`);
  expect(asPartner.body).toMatchObject({ data: [], withheld: [{ provider: 'strava' }] });
  const asUser = await api.call(side.userKey, 'GET', '/v1/activities');
  expect(asUser.body).toMatchObject({ data: [{ id: recordId, sport: 'Run' }], withheld: [] });
});
