import { sql } from 'drizzle-orm';
import { startTestApi, type TestApi } from '../support/api';
import { anyApp, anyUser } from '../support/fixtures';
import { publish, subscribe } from '../support/webhook-fixtures';

const PATH = '/v1/webhooks/slo';
let api: TestApi;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

test('a partner reads the service level of the own endpoints only', async () => {
  const { db } = api.database;
  const owner = await subscribe(db, 'https://partner.example/hook');
  await publish(db, owner, 4);
  await db.execute(sql`
    update deliveries set status = 'delivered', attempts = 1, first_attempt_at = created_at + interval '20 ms',
      delivered_at = created_at + interval '30 ms', completed_at = created_at + interval '30 ms' where seq < 4`);
  const figures = {
    ...{ raw: 0.75, ours: 1, total: 4, delivered: 3, open: 1, failed: 0, cancelled: 0, late: 0 },
    ...{ firstAttemptP50Ms: 20, firstAttemptP99Ms: 20 },
  };
  expect(await api.call(await api.keyOf(owner.appId), 'GET', PATH)).toMatchObject({
    status: 200,
    body: {
      days: 30,
      total: figures,
      endpoints: [
        { endpointId: owner.endpointId, url: 'https://partner.example/hook', deleted: false, ...figures },
      ],
    },
  });
  const other = await api.call(await api.keyOf(await anyApp(db)), 'GET', `${PATH}?days=1`);
  expect(other.body).toMatchObject({ days: 1, total: { total: 0, raw: null, ours: null }, endpoints: [] });
});

test.each(['days=0', 'days=31', 'days=1.5', 'days=week', 'day=3'])('%s is refused', async (query) => {
  const key = await api.keyOf(await anyApp(api.database.db));
  expect(await api.call(key, 'GET', `${PATH}?${query}`)).toMatchObject({
    status: 400,
    body: { code: 'invalid_request' },
  });
});

test("a user's key and no key are refused", async () => {
  const { db } = api.database;
  const key = await api.keyOf(await anyApp(db), await anyUser(db));
  expect(await api.call(key, 'GET', PATH)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect((await api.call(null, 'GET', PATH)).status).toBe(401);
});
