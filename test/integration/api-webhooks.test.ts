import { eq } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { revokeGrant } from '../../libs/db/principals.repo';
import { endpoints } from '../../libs/db/schema/webhooks';
import { newWebhookSecret } from '../../libs/webhooks/signing';
import { anyUser, grant } from '../support/fixtures';
import { deliveriesOf, publish } from '../support/webhook-fixtures';
import { ENDPOINTS, expectRefused, PartnerScene } from '../support/webhook-partner';

let scene: PartnerScene;

beforeAll(async () => {
  scene = await PartnerScene.open();
});
afterAll(() => scene.close());
beforeEach(() => scene.openReceiver());
afterEach(() => scene.receiver.close());

describe('endpoints', () => {
  it('keep what was asked for, show header names and the secret once, and are written to the audit log', async () => {
    const partner = await scene.anyPartner();
    const secret = newWebhookSecret();
    const made = await scene.create(partner, {
      description: 'ours',
      eventTypes: ['weight.*', 'weight.*', 'sync.completed'],
      userIds: [partner.userId],
      payload: 'full',
      fifo: true,
      ratePerS: 5,
      headers: { Authorization: 'Bearer hush' },
      secret,
    });
    expect(made.secret).toBe(secret);
    const expected = {
      id: made.id,
      url: scene.receiver.url,
      description: 'ours',
      eventTypes: ['weight.*', 'sync.completed'],
      userIds: [partner.userId],
      payload: 'full',
      fifo: true,
      ratePerS: 5,
      headerNames: ['Authorization'],
      status: 'enabled',
      reason: null,
      health: 'healthy',
      consecutiveFailures: 0,
      failingSince: null,
      heldFrom: null,
      nextProbeAt: null,
      pending: 0,
      retrying: 0,
      handshakeAt: null,
      previousSecretUntil: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      disabledAt: null,
    };
    expect((await partner.call('GET', made.path)).body).toEqual(expected);
    const list = await partner.call('GET', ENDPOINTS);
    expect(list.body).toEqual({ data: [expected], nextCursor: null });
    expect(JSON.stringify(list.body)).not.toMatch(/hush|whsec/);
    expect(await scene.actionsOn(made.id)).toEqual(['endpoint.created by key:key_']);
  });

  it('change field by field, null clears, and what is left out stays', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner, {
      description: 'ours',
      userIds: [partner.userId],
      ratePerS: 5,
      headers: { 'X-Key': 'hush' },
    });
    const first = await partner.call('PATCH', path, {
      payload: 'full',
      headers: { Authorization: 'Bearer b' },
    });
    expect(first.body).toMatchObject({ payload: 'full', headerNames: ['Authorization'], ratePerS: 5 });
    const cleared = { description: null, userIds: null, ratePerS: null, headers: null };
    const second = await partner.call('PATCH', path, { ...cleared, fifo: true, eventTypes: ['sleep.*'] });
    expect(second.body).toMatchObject({
      description: null,
      userIds: null,
      ratePerS: null,
      headerNames: [],
      fifo: true,
      eventTypes: ['sleep.*'],
      payload: 'full',
      url: scene.receiver.url,
    });
    expect(await scene.actionsOn(id)).toHaveLength(3);
  });

  it('with another URL forget the handshake and, when degraded, are probed there at once', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    const later = new Date(Date.now() + 3_600_000);
    await scene.db
      .update(endpoints)
      .set({ handshakeAt: new Date(), health: 'degraded', nextProbeAt: later })
      .where(eq(endpoints.id, id));
    await partner.call('PATCH', path, { url: scene.receiver.url, description: 'x' });
    expect(await scene.rowOf(id)).toMatchObject({ handshakeAt: expect.any(Date), nextProbeAt: later });
    await partner.call('PATCH', path, { url: `${scene.receiver.url}/new` });
    const moved = await scene.rowOf(id);
    expect(moved.handshakeAt).toBeNull();
    expect(moved.nextProbeAt!.getTime()).toBeLessThan(Date.now() + 1_000);
  });

  it('have one URL each, and the refusal names the one that has it', async () => {
    const partner = await scene.anyPartner();
    const first = await scene.create(partner);
    const second = await scene.create(partner, { url: 'https://partner.example/hook' });
    for (const answer of [
      await partner.call('POST', ENDPOINTS, { url: scene.receiver.url }),
      await partner.call('PATCH', second.path, { url: scene.receiver.url }),
    ]) {
      expectRefused(answer, 409, 'conflict', first.id);
      expect(answer.body['details']).toMatchObject({ endpointId: first.id });
    }
    expectRefused(
      await partner.call('POST', ENDPOINTS, { url: 'HTTPS://partner.EXAMPLE:443/hook' }),
      409,
      'conflict',
      second.id,
    );
    await scene.create(await scene.anyPartner());
    await partner.call('DELETE', first.path);
    await scene.create(partner);
  });

  it('are not there for another app, nor for a user’s key', async () => {
    const [one, two] = [await scene.anyPartner(), await scene.anyPartner()];
    const { path, id } = await scene.create(two);
    await publish(scene.db, two);
    const [delivery] = await deliveriesOf(scene.db, id);
    const routes: [string, string, object?][] = [
      ['GET', path],
      ['PATCH', path, { fifo: true }],
      ['POST', `${path}/pause`],
      ['POST', `${path}/enable`],
      ['POST', `${path}/rotate-secret`],
      ['POST', `${path}/handshake`],
      ['POST', `${path}/ping`],
      ['GET', `${path}/deliveries`],
      ['GET', `/v1/webhooks/deliveries/${delivery!.id}`],
      ['DELETE', path],
    ];
    const userKey = await scene.api.keyOf(two.appId, two.userId);
    for (const [method, route, body] of routes) {
      expect([route, (await one.call(method, route, body)).status]).toEqual([route, 404]);
      expect([route, (await scene.api.call(userKey, method, route, body)).status]).toEqual([route, 403]);
    }
    expect((await two.call('GET', `/v1/webhooks/deliveries/${delivery!.id}`)).status).toBe(200);
    expect(scene.receiver.received).toEqual([]);
    expect(await scene.rowOf(id)).toMatchObject({ status: 'enabled', fifo: false });
  });
});

describe('bad input', () => {
  const key24 = 'A'.repeat(32);
  it.each([
    [{ url: 'x' }, 'absolute URL'],
    [{ url: 'http://partner.example/' }, 'https'],
    [{ url: 'ftp://partner.example/' }, 'https'],
    [{ url: 'https://10.0.0.1/' }, 'private'],
    [{ url: 'https://[::ffff:a00:1]/' }, 'private'],
    [{ url: 'https://169.254.169.254/latest' }, 'private'],
    [{ url: 'https://0x0a000001/' }, 'private'],
    [{ url: 'https://u:p@partner.example/' }, 'user name'],
    [{ url: 'https://partner.internal/' }, 'private network'],
    [{ url: 'https://partner.example/#x' }, 'fragment'],
    [{ url: 1 }, 'url'],
    [{}, 'url'],
    [{ eventTypes: [] }, 'eventTypes'],
    [{ eventTypes: ['weight.exploded'] }, /eventTypes\.0: must be an event type/],
    [{ eventTypes: ['*.created'] }, /eventTypes\.0/],
    [{ userIds: [] }, 'userIds'],
    [{ userIds: ['me'] }, /userIds\.0: must be a user id/],
    [{ payload: 'fat' }, 'payload'],
    [{ ratePerS: 0 }, 'ratePerS'],
    [{ ratePerS: 1001 }, 'ratePerS'],
    [{ ratePerS: 1.5 }, 'ratePerS'],
    [{ headers: { Host: 'x' } }, /Host/],
    [{ headers: { 'webhook-id': 'x' } }, /webhook-id/],
    [{ headers: { 'X-A': 'a\r\nX-B: b' } }, /X-A/],
    [{ secret: 'hush' }, /secret: .*24–64 bytes in base64/],
    [{ secret: `whsec_${'A'.repeat(30)}` }, /24–64 bytes in base64/],
    [{ secret: `whsec_${'A'.repeat(88)}` }, /24–64 bytes in base64/],
    [{ secret: `whsec_${key24}!` }, /24–64 bytes in base64/],
    [{ handshake: 'yes' }, 'handshake'],
    [{ status: 'paused' }, 'status'],
    [{ id: 'whe_1' }, 'id'],
  ])('%j is refused with a message about %s', async (settings, about) => {
    const partner = await scene.anyPartner();
    const body = Object.keys(settings).length === 0 ? {} : { url: 'https://partner.example/', ...settings };
    expectRefused(await partner.call('POST', ENDPOINTS, body), 400, 'invalid_request', about);
    expect((await partner.call('GET', ENDPOINTS)).body['data']).toEqual([]);
  });

  it('never repeats a secret or a header’s value', async () => {
    const partner = await scene.anyPartner();
    const url = 'https://partner.example/';
    const answers = await Promise.all([
      partner.call('POST', ENDPOINTS, { url, secret: 'whsec_hushhush' }),
      partner.call('POST', ENDPOINTS, { url, headers: { Cookie: 'hushhush' } }),
    ]);
    for (const answer of answers) expect(JSON.stringify(answer.body)).not.toContain('hushhush');
  });

  it.each([
    {},
    { url: 'http://10.0.0.1/' },
    { eventTypes: ['x.y'] },
    { secret: newWebhookSecret() },
    { fifo: null },
  ])('a change %j is refused', async (change) => {
    const partner = await scene.anyPartner();
    const { path, body, secret } = await scene.create(partner);
    expectRefused(await partner.call('PATCH', path, change), 400, 'invalid_request');
    const { secret: _secret, ...endpoint } = body;
    expect((await partner.call('GET', path)).body).toEqual(endpoint);
    expect(secret).toMatch(/^whsec_/);
  });

  it('names the users who did not grant the app access', async () => {
    const [partner, other] = [await scene.anyPartner(), await scene.anyPartner()];
    const gone = await anyUser(scene.db);
    await grant(scene.db, partner.appId, gone);
    await revokeGrant(scene.db, partner.appId, gone);
    for (const userId of [gone, other.userId, newId('user')]) {
      const userIds = [partner.userId, userId];
      const answer = await partner.call('POST', ENDPOINTS, { url: scene.receiver.url, userIds });
      expectRefused(answer, 400, 'invalid_request', userId);
      expect(answer.body['details']).toMatchObject({ userIds: [userId] });
    }
    const { path } = await scene.create(partner);
    expectRefused(await partner.call('PATCH', path, { userIds: [gone] }), 400, 'invalid_request', gone);
    const many = Array.from({ length: 1_001 }, () => newId('user'));
    expectRefused(await partner.call('PATCH', path, { userIds: many }), 400, 'invalid_request', 'userIds');
  });
});
