import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { DeliveryScene, type Subscriber } from '../support/delivery-scene';
import { publish } from '../support/webhook-fixtures';
import { waitUntil } from '../support/wait-until';

let scene: DeliveryScene;

beforeAll(async () => {
  scene = await DeliveryScene.open();
  await scene.startWorker();
});
afterAll(() => scene.close());

const verb = (partner: Subscriber, delivery: { id: string }, word: string) =>
  partner.call('POST', `/v1/webhooks/deliveries/${delivery.id}/${word}`);

describe('over the API', () => {
  test('retry sends a waiting delivery at once', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    partner.accepts();
    expect(await verb(partner, delivery, 'retry')).toMatchObject({
      status: 200,
      body: { id: delivery.id, endpointId: partner.endpointId, execution: 'told' },
    });
    const delivered = await partner.delivery('delivered');
    expect(delivered).toMatchObject({
      attempts: 2,
      audit: [{ actor: expect.stringMatching(/^key:key_/), action: 'delivery.retried', execution: 'told' }],
    });
    await scene.untilExecution(delivery, 'COMPLETED');
  });

  test.each(['delivered', 'failed', 'cancelled'])('retry sends a %s delivery again', async (status) => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    if (status === 'delivered') {
      partner.accepts();
      await verb(partner, delivery, 'retry');
    } else if (status === 'cancelled') await verb(partner, delivery, 'cancel');
    else {
      await verb(partner, delivery, 'retry');
      await waitUntil(async () => (await partner.delivery('retrying')).attempts === 2, { what: 'attempt 2' });
      await verb(partner, delivery, 'retry');
    }
    const before = await partner.delivery(status);
    partner.accepts();
    expect(await verb(partner, delivery, 'retry')).toMatchObject({ status: 200 });
    await waitUntil(async () => (await partner.delivery('delivered')).attempts === before.attempts + 1, {
      what: 'one more attempt',
    });
    const last = partner.receiver.received.at(-1)!;
    expect(last.headers).toMatchObject({
      'webhook-id': delivery.event_id,
      'x-diettracker-delivery': delivery.id,
      'x-diettracker-attempt': String(before.attempts + 1),
    });
    const [row] = await scene.db.execute(sql`select schedule_from from deliveries where id = ${delivery.id}`);
    expect(row).toEqual({ schedule_from: before.attempts });
  });

  test('pause holds the delivery and its execution, resume sends it', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    expect(await verb(partner, delivery, 'pause')).toMatchObject({
      status: 200,
      body: { status: 'paused', execution: 'told' },
    });
    expect((await scene.execution(delivery).describe()).status).toBe('PAUSED');
    expect(await verb(partner, delivery, 'pause')).toMatchObject({
      status: 200,
      body: { status: 'paused', execution: 'none' },
    });
    partner.accepts();
    expect(await verb(partner, delivery, 'resume')).toMatchObject({
      status: 200,
      body: { execution: 'told' },
    });
    expect(await partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  });

  test('retry resumes a paused delivery, too', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    await verb(partner, delivery, 'pause');
    partner.accepts();
    await verb(partner, delivery, 'retry');
    expect(await partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  });

  test('cancel ends the delivery and its execution; ended ones refuse', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    expect(await verb(partner, delivery, 'cancel')).toMatchObject({
      status: 200,
      body: { status: 'cancelled', execution: 'told', nextAttemptAt: null },
    });
    expect((await scene.execution(delivery).describe()).status).toBe('CANCELED');
    for (const word of ['cancel', 'pause', 'resume'])
      expect(await verb(partner, delivery, word)).toMatchObject({
        status: 409,
        body: { code: 'conflict', detail: expect.stringMatching(/cancelled/) },
      });
    await waitUntil(async () => !(await partner.delivery('cancelled')).handed_over, {
      what: 'the execution to be forgotten',
    });
    expect(partner.receiver.received).toHaveLength(1);
  });

  test('a delivery without an execution is paused, resumed and cancelled', async () => {
    const partner = await scene.subscriber();
    await scene.db.execute(sql`update endpoints set status = 'paused' where id = ${partner.endpointId}`);
    await publish(scene.db, partner);
    const delivery = await partner.delivery('pending');
    for (const [word, status] of [
      ['retry', 'pending'],
      ['pause', 'paused'],
      ['resume', 'pending'],
      ['pause', 'paused'],
      ['retry', 'pending'],
      ['cancel', 'cancelled'],
    ] as const)
      expect(await verb(partner, delivery, word)).toMatchObject({
        status: 200,
        body: { status, execution: 'none' },
      });
    await scene.db.execute(sql`update endpoints set status = 'enabled' where id = ${partner.endpointId}`);
    expect(partner.receiver.received).toEqual([]);
  });

  test("another app's delivery, an unknown id and a wrong one read as not there", async () => {
    const [partner, stranger] = [await scene.subscriber(), await scene.subscriber()];
    const delivery = await partner.failing();
    for (const id of [delivery.id, newId('delivery'), 'whd_1'])
      expect(await verb(stranger, { id }, 'cancel')).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
    expect((await partner.delivery('retrying')).audit).toEqual([]);
  });
});

describe('in Temporal', () => {
  test('reset sends the delivery now', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    partner.accepts();
    await scene.follow.executions.reset(delivery.id);
    expect(await partner.delivery('delivered')).toMatchObject({
      attempts: 2,
      audit: [{ actor: 'temporal:unknown', action: 'delivery.retried', execution: 'led' }],
    });
  });

  test('pause and unpause: the row follows, and unpause sends it now', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    await scene.execution(delivery).pause({ reason: 'partner asked' });
    await partner.delivery('paused');
    partner.accepts();
    await scene.execution(delivery).unpause();
    expect(await partner.delivery('delivered')).toMatchObject({
      attempts: 2,
      audit: [
        { actor: 'temporal:unknown', action: 'delivery.paused' },
        { actor: 'temporal:unknown', action: 'delivery.resumed' },
      ],
    });
  });

  test('a paused one that is reset is sent now', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    await verb(partner, delivery, 'pause');
    partner.accepts();
    await scene.follow.executions.reset(delivery.id);
    expect(await partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  });

  test.each(['cancel', 'terminate'] as const)('%s cancels the row and says who', async (word) => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    await scene.execution(delivery)[word]('not wanted');
    expect(await partner.delivery('cancelled')).toMatchObject({
      handed_over: false,
      audit: [
        {
          actor: `temporal:${scene.api.namespace.client.options.identity}`,
          action: 'delivery.cancelled',
          execution: 'led',
        },
      ],
    });
    expect(partner.receiver.received).toHaveLength(1);
  });

  test.each([
    [500, 'cancelled'],
    [200, 'delivered'],
  ])('cancel while the request is under way: a %i makes it %s', async (code, status) => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    let answer = (): void => undefined;
    partner.receiver.answer = (response) => {
      answer = () => response.writeHead(code).end();
    };
    await verb(partner, delivery, 'retry');
    await waitUntil(() => partner.receiver.received.length === 2, { what: 'the request' });
    await scene.execution(delivery).cancel('not wanted');
    answer();
    const ended = await partner.delivery(status);
    expect(ended.attempts).toBe(2);
    await waitUntil(async () => !(await partner.delivery(status)).handed_over, { what: 'the end' });
    expect(partner.receiver.received).toHaveLength(2);
  });
});

describe('the sweeper', () => {
  test('starts a lost execution anew', async () => {
    const partner = await scene.subscriber();
    await scene.db.execute(sql`update endpoints set status = 'paused' where id = ${partner.endpointId}`);
    await publish(scene.db, partner);
    const delivery = await partner.delivery('pending');
    partner.accepts();
    await scene.db.execute(sql`
      update deliveries set status = 'retrying', attempts = 1, handed_over = true, next_at = now() - interval '10 seconds'
      where id = ${delivery.id}`);
    await scene.db.execute(sql`update endpoints set status = 'enabled' where id = ${partner.endpointId}`);
    expect(await partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  });

  test('wakes an execution that sleeps past the due time', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    partner.accepts();
    await scene.db.execute(
      sql`update deliveries set next_at = now() - interval '2 seconds' where id = ${delivery.id}`,
    );
    expect(await partner.delivery('delivered')).toMatchObject({ attempts: 2, audit: [] });
  });

  test('lets the execution of a delivery end that the dispatcher delivered', async () => {
    const partner = await scene.subscriber();
    const delivery = await partner.failing();
    await scene.db.execute(sql`
      update deliveries set status = 'delivered', next_at = null, completed_at = now() - interval '1 minute'
      where id = ${delivery.id}`);
    await scene.untilExecution(delivery, 'COMPLETED');
    await waitUntil(async () => !(await partner.delivery('delivered')).handed_over, { what: 'the end' });
    expect(partner.receiver.received).toHaveLength(1);
  });

  test('disables endpoints that failed for five days, and no others', async () => {
    const [dead, ill] = [await scene.subscriber(), await scene.subscriber()];
    await scene.db.execute(sql`
      update endpoints set failing_since = now() - case id when ${dead.endpointId} then interval '5 days 1 minute'
        else interval '4 days 23 hours' end where id in (${dead.endpointId}, ${ill.endpointId})`);
    const status = async (id: string) =>
      (await scene.db.execute(sql`select status, status_reason from endpoints where id = ${id}`))[0];
    await waitUntil(async () => (await status(dead.endpointId))?.['status'] === 'disabled', {
      what: 'the endpoint to be disabled',
    });
    expect(await status(dead.endpointId)).toEqual({ status: 'disabled', status_reason: 'endpoint_failing' });
    expect(await status(ill.endpointId)).toMatchObject({ status: 'enabled' });
  });
});
