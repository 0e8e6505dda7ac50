import { eq, sql } from 'drizzle-orm';
import { endpoints } from '../../libs/db/schema/webhooks';
import { deliveriesOf, publish } from '../support/webhook-fixtures';
import { ENDPOINTS, expectRefused, PartnerScene } from '../support/webhook-partner';

let scene: PartnerScene;

beforeAll(async () => {
  scene = await PartnerScene.open();
});
afterAll(() => scene.close());
beforeEach(() => scene.openReceiver());
afterEach(() => scene.receiver.close());

describe('pause and enable', () => {
  it('hold what comes meanwhile, uncounted, and let it go in order', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    const paused = await partner.call('POST', `${path}/pause`);
    expect(paused.body).toMatchObject({ status: 'paused', heldFrom: expect.any(String), reason: null });
    await publish(scene.db, partner, 2);
    expect((await partner.call('POST', `${path}/pause`)).body).toEqual({
      ...paused.body,
      pending: 2,
    });
    const counted = await scene.db.execute(sql`select counted from deliveries where endpoint_id = ${id}`);
    expect(counted.map((row) => row['counted'])).toEqual([false, false]);
    expect(await scene.rowOf(id)).toMatchObject({ heldUntil: null, draining: false });

    const enabled = await partner.call('POST', `${path}/enable`);
    expect(enabled.body).toMatchObject({
      status: 'enabled',
      waiting: 2,
      pending: 2,
      heldFrom: null,
      replay: null,
    });
    expect(await scene.rowOf(id)).toMatchObject({ heldUntil: expect.any(Date), draining: true });
    expect(await scene.actionsOn(id)).toEqual([
      'endpoint.created by key:key_',
      'endpoint.paused by key:key_',
      'endpoint.enabled by key:key_',
    ]);
    expect((await partner.call('POST', `${path}/enable`)).body).toMatchObject({
      status: 'enabled',
      replay: null,
    });
    expect(await scene.actionsOn(id)).toHaveLength(3);
  });

  it('from disabled forget the failures, free the retries and offer a replay', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    await publish(scene.db, partner, 2);
    const [first, second] = await deliveriesOf(scene.db, id);
    scene.receiver.answer = (response) => response.writeHead(500).end();
    await scene.attempt(first!.id);
    scene.receiver.answer = (response) => response.writeHead(410).end();
    await scene.attempt(second!.id);
    const { body: disabled } = await partner.call('GET', path);
    expect(disabled).toMatchObject({
      status: 'disabled',
      reason: 'endpoint_gone',
      consecutiveFailures: 2,
      retrying: 1,
      disabledAt: expect.any(String),
      heldFrom: expect.any(String),
    });
    expectRefused(await partner.call('POST', `${path}/pause`), 409, 'conflict', 'enable');
    expectRefused(await partner.call('POST', `${path}/ping`), 409, 'conflict', 'enable');
    await publish(scene.db, partner);

    const givenUp = await partner.call('GET', `/v1/webhooks/deliveries/${second!.id}`);
    const enabled = await partner.call('POST', `${path}/enable`);
    expect(enabled.body).toMatchObject({
      status: 'enabled',
      reason: null,
      disabledAt: null,
      consecutiveFailures: 0,
      failingSince: null,
      waiting: 2,
      retrying: 0,
      replay: { from: givenUp.body['createdAt'], todo: expect.stringContaining(`${path}/replays`) },
    });
    expect((await deliveriesOf(scene.db, id)).map((d) => d.status)).toEqual(['pending', 'failed', 'pending']);
  });

  it('of a degraded endpoint go on with the hold that began before', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    const heldFrom = new Date('2026-11-22T08:00:00.000Z');
    await scene.db
      .update(endpoints)
      .set({ health: 'degraded', heldFrom, consecutiveFailures: 12, nextProbeAt: new Date() })
      .where(eq(endpoints.id, id));
    await partner.call('POST', `${path}/pause`);
    expect(await scene.rowOf(id)).toMatchObject({ status: 'paused', heldFrom, heldUntil: null });
    const { body } = await partner.call('POST', `${path}/enable`);
    expect(body).toMatchObject({ health: 'healthy', consecutiveFailures: 0, nextProbeAt: null });
    expect(await scene.rowOf(id)).toMatchObject({ heldFrom, heldUntil: expect.any(Date), probes: 0 });
  });
});

it('deleting cancels what is open, keeps the ledger and makes no more deliveries', async () => {
  const partner = await scene.anyPartner();
  const { path, id } = await scene.create(partner);
  await publish(scene.db, partner, 4);
  const [sent, failing, held] = await deliveriesOf(scene.db, id);
  await scene.attempt(sent!.id);
  scene.receiver.answer = (response) => response.writeHead(500).end();
  await scene.attempt(failing!.id);
  await scene.db.execute(sql`update deliveries set status = 'paused' where id = ${held!.id}`);
  expect((await partner.call('DELETE', path)).status).toBe(204);
  await publish(scene.db, partner);

  expect((await deliveriesOf(scene.db, id)).map((d) => d.status)).toEqual([
    'delivered',
    'cancelled',
    'cancelled',
    'cancelled',
  ]);
  expect(await scene.rowOf(id)).toMatchObject({ status: 'disabled', deletedAt: expect.any(Date) });
  for (const route of [path, `${path}/deliveries`, `/v1/webhooks/deliveries/${sent!.id}`])
    expect((await partner.call('GET', route)).status).toBe(404);
  expect((await partner.call('DELETE', path)).status).toBe(404);
  expect((await partner.call('GET', ENDPOINTS)).body['data']).toEqual([]);
  expect(await scene.actionsOn(id)).toContainEqual('endpoint.deleted by key:key_');
});
