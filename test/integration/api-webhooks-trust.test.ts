import { newWebhookSecret } from '../../libs/webhooks/signing';
import { verifyWebhook } from '../../libs/webhooks/verify';
import { waitUntil } from '../support/wait-until';
import { deliveriesOf, publish } from '../support/webhook-fixtures';
import type { WebhookReceiver } from '../support/webhook-receiver';
import { ENDPOINTS, expectRefused, PartnerScene, type Partner } from '../support/webhook-partner';

let scene: PartnerScene;

beforeAll(async () => {
  scene = await PartnerScene.open();
});
afterAll(() => scene.close());
beforeEach(() => scene.openReceiver());
afterEach(() => scene.receiver.close());

describe('secrets', () => {
  const sign = async (partner: Partner, id: string) => {
    await publish(scene.db, partner);
    await scene.attempt((await deliveriesOf(scene.db, id)).at(-1)!.id);
    return scene.receiver.received.at(-1)!;
  };

  it('rotate with an overlap in which both sign', async () => {
    const partner = await scene.anyPartner();
    const { path, id, secret } = await scene.create(partner);
    const rotated = await partner.call('POST', `${path}/rotate-secret`);
    expect(rotated).toMatchObject({ status: 200, body: { secret: expect.stringMatching(/^whsec_/) } });
    const until = Date.parse(String(rotated.body['previousValidUntil']));
    expect(Math.abs(until - Date.now() - 86_400_000)).toBeLessThan(10_000);
    const both = await sign(partner, id);
    for (const one of [secret, String(rotated.body['secret'])])
      expect(verifyWebhook(both.headers, both.body, one)).toMatchObject({ valid: true });
    expect((await partner.call('GET', path)).body['previousSecretUntil']).toBe(
      rotated.body['previousValidUntil'],
    );
    expect(await scene.actionsOn(id)).toContainEqual('endpoint.secret_rotated by key:key_');
  });

  it('rotate to one of the partner’s own, and at once when asked', async () => {
    const partner = await scene.anyPartner();
    const { path, id, secret } = await scene.create(partner);
    const own = newWebhookSecret();
    const rotated = await partner.call('POST', `${path}/rotate-secret`, { secret: own, overlapS: 0 });
    expect(rotated.body).toEqual({ secret: own, previousValidUntil: null });
    const signed = await sign(partner, id);
    expect(verifyWebhook(signed.headers, signed.body, own)).toMatchObject({ valid: true });
    expect(verifyWebhook(signed.headers, signed.body, secret)).toMatchObject({ valid: false });
    const again = await partner.call('POST', `${path}/rotate-secret`, { secret: own });
    expectRefused(again, 400, 'invalid_request', 'present secret');
  });

  it.each([{ overlapS: -1 }, { overlapS: 604_801 }, { secret: 'whsec_short' }, { overlap: 1 }])(
    'do not rotate with %j',
    async (body) => {
      const partner = await scene.anyPartner();
      const { path } = await scene.create(partner);
      expectRefused(await partner.call('POST', `${path}/rotate-secret`, body), 400, 'invalid_request');
    },
  );
});

describe('ping', () => {
  it('is queued for this endpoint alone, whatever its event types', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner, { eventTypes: ['weight.*'] });
    const other = await scene.create(partner, { url: 'https://partner.example/hook' });
    const sent = await partner.call('POST', `${path}/ping`);
    expect(sent.status).toBe(202);
    const [row] = await deliveriesOf(scene.db, id);
    expect(sent.body).toEqual({ eventId: row!.event_id, deliveryId: row!.id });
    expect(await deliveriesOf(scene.db, other.id)).toEqual([]);
  });

  it('waits for the first attempt when asked to', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    const waiting = partner.call('POST', `${path}/ping`, undefined, { prefer: 'wait=20' });
    const row = await waitUntil(async () => (await deliveriesOf(scene.db, id))[0] ?? null, {
      what: 'the ping',
    });
    await scene.attempt(row.id);
    const answer = await waiting;
    expect(answer.headers.get('preference-applied')).toBe('wait=20');
    expect(answer).toMatchObject({
      status: 200,
      body: {
        id: row.id,
        eventType: 'endpoint.ping',
        status: 'delivered',
        attempts: [{ number: 1, statusCode: 200, error: null, responseExcerpt: 'ok' }],
      },
    });
    expect(JSON.parse(scene.receiver.received[0]!.body)).toMatchObject({
      userId: null,
      data: { endpointId: id },
    });
    const unheard = await partner.call('POST', `${path}/ping`, undefined, { prefer: 'wait=1' });
    expect(unheard.status).toBe(202);
  });
});

describe('handshake', () => {
  const agree =
    (rate: string): WebhookReceiver['answer'] =>
    (response) =>
      response.writeHead(200, { 'WebHook-Allowed-Origin': '127.0.0.1', 'WebHook-Allowed-Rate': rate }).end();

  it('comes before anything is stored, and its rate is kept', async () => {
    const partner = await scene.anyPartner();
    scene.receiver.answer = (response) => response.writeHead(405).end();
    const refused = await partner.call('POST', ENDPOINTS, { url: scene.receiver.url, handshake: true });
    expectRefused(refused, 409, 'endpoint_unverified', '405');
    expect((await partner.call('GET', ENDPOINTS)).body['data']).toEqual([]);
    scene.receiver.answer = agree('30');
    const slow = await partner.call('POST', ENDPOINTS, { url: scene.receiver.url, handshake: true });
    expectRefused(slow, 409, 'endpoint_unverified', '30 requests per minute');
    scene.receiver.answer = agree('120');
    const { body } = await scene.create(partner, { handshake: true, ratePerS: 10 });
    expect(body).toMatchObject({ ratePerS: 2, handshakeAt: expect.any(String) });
    expect(scene.receiver.received.at(-1)!.headers).toMatchObject({
      'webhook-request-origin': '127.0.0.1',
      'webhook-request-rate': '600',
    });
  });

  it('of an endpoint that exists sends its headers and lowers its rate only', async () => {
    const partner = await scene.anyPartner();
    const { path } = await scene.create(partner, { headers: { Authorization: 'Bearer b' } });
    scene.receiver.answer = agree('*');
    expect((await partner.call('POST', `${path}/handshake`)).body).toMatchObject({
      ratePerS: null,
      handshakeAt: expect.any(String),
    });
    expect(scene.receiver.received[0]!.headers['authorization']).toBe('Bearer b');
    scene.receiver.answer = agree('300');
    expect((await partner.call('POST', `${path}/handshake`)).body['ratePerS']).toBe(5);
    scene.receiver.answer = agree('6000');
    expect((await partner.call('POST', `${path}/handshake`)).body['ratePerS']).toBe(5);
  });
});
