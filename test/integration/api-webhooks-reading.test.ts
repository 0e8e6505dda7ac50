import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { EVENT_TYPES } from '../../libs/webhooks/event-types';
import { publish } from '../support/webhook-fixtures';
import { expectRefused, PartnerScene } from '../support/webhook-partner';

let scene: PartnerScene;

beforeAll(async () => {
  scene = await PartnerScene.open();
});
afterAll(() => scene.close());
beforeEach(() => scene.openReceiver());
afterEach(() => scene.receiver.close());

describe('deliveries', () => {
  it('are listed newest first with attempts, by status and by type, page by page', async () => {
    const partner = await scene.anyPartner();
    const { path, id } = await scene.create(partner);
    await publish(scene.db, partner, 3);
    await partner.call('POST', `${path}/ping`);
    const rows = await scene.db.execute<{ id: string; event_id: string }>(
      sql`select id, event_id from deliveries where endpoint_id = ${id} order by event_id desc`,
    );
    const [ping, , failing, sent] = rows;
    await scene.attempt(sent!.id);
    scene.receiver.answer = (response) => response.writeHead(503).end('x'.repeat(5_000));
    await scene.attempt(failing!.id);

    const list = async (query: string) => {
      const { body } = await partner.call('GET', `${path}/deliveries?${query}`);
      return body as { data: { id: string; attempts: object[] }[]; nextCursor: string | null };
    };
    const all = await list('');
    expect(all.data.map((d) => d.id)).toEqual(rows.map((r) => r.id));
    expect((await list('status=retrying')).data).toMatchObject([
      {
        id: failing!.id,
        endpointId: id,
        status: 'retrying',
        nextAttemptAt: expect.any(String),
        attempts: [{ statusCode: 503, error: 'http_503', responseExcerpt: 'x'.repeat(1_024) }],
      },
    ]);
    expect((await list('eventType=endpoint.ping')).data.map((d) => d.id)).toEqual([ping!.id]);
    expect((await list('status=failed&eventType=endpoint.ping')).data).toEqual([]);
    const first = await list('limit=3');
    const second = await list(`limit=3&cursor=${first.nextCursor}`);
    expect([...first.data, ...second.data].map((d) => d.id)).toEqual(rows.map((r) => r.id));
    expect(second.nextCursor).toBeNull();
    const one = await partner.call('GET', `/v1/webhooks/deliveries/${sent!.id}`);
    expect(one.body).toEqual(all.data.find((d) => d.id === sent!.id));
    expect(one.body).toMatchObject({ deliveredAt: expect.any(String) });
  });

  it.each(['status=open', 'eventType=weight.*', 'cursor=x', 'limit=0', 'page=2'])(
    '%s is a 400',
    async (query) => {
      const partner = await scene.anyPartner();
      const { path } = await scene.create(partner);
      expectRefused(await partner.call('GET', `${path}/deliveries?${query}`), 400, 'invalid_request');
    },
  );

  it.each([`whd_1`, newId('delivery'), newId('event')])('%s is not there', async (id) =>
    expectRefused(
      await (await scene.anyPartner()).call('GET', `/v1/webhooks/deliveries/${id}`),
      404,
      'not_found',
    ),
  );
});

describe('event types', () => {
  it('are a catalogue, each with the JSON Schema at its address', async () => {
    const partner = await scene.anyPartner();
    const { body } = await partner.call('GET', '/v1/webhooks/event-types');
    const types = body['data'] as { type: string; version: string; schemaUrl: string }[];
    expect(types.map((t) => t.type)).toEqual(EVENT_TYPES.map((t) => t.type));
    for (const { type, version, schemaUrl } of types) {
      const schema = await partner.call('GET', schemaUrl.slice(scene.api.url.length));
      expect(schema.body).toMatchObject({ $id: `urn:diettracker:event:${type}:${version}`, title: type });
    }
    const unknown = await partner.call('GET', '/v1/webhooks/event-types/weight.exploded/schema');
    expectRefused(unknown, 404, 'not_found', 'event-types lists them');
  });
});
