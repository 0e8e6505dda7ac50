import type { DeliveryVerb } from '../../libs/db/delivery-verbs.repo';
import { performVerb } from '../../libs/webhooks/delivery-verb';
import { followDelivery, type FollowDeps } from '../../libs/webhooks/follow-execution';
import { openClient, openConnection } from '../../temporal/connection';
import { TemporalDeliveryExecutions } from '../../temporal/delivery-executions';
import { DELIVERY_ACTIVITY, deliveryActivityId } from '../../workflows/contract';
import { DeliveryScene, type DeliveryView, type Subscriber } from '../support/delivery-scene';

/** The worker is down while the verb is done: the row is right at once or when the worker is back, and so is Temporal. */
let scene: DeliveryScene;
const cases: { partner: Subscriber; delivery: DeliveryView }[] = [];

beforeEach(async () => {
  scene = await DeliveryScene.open();
  await scene.startWorker();
  cases.length = 0;
  for (let i = 0; i < 5; i += 1) {
    const partner = await scene.subscriber();
    cases.push({ partner, delivery: await partner.failing() });
  }
  await scene.stopWorker();
  for (const { partner } of cases) partner.accepts();
});
afterEach(() => scene.close());

const statusOf = async (delivery: { id: string }) => (await scene.execution(delivery).describe()).status;

test('verbs in Temporal: a reader sees them at once, the worker follows them when it is back', async () => {
  const [cancelled, terminated, paused, unpaused, reset] = cases;
  await unpaused!.partner.call('POST', `/v1/webhooks/deliveries/${unpaused!.delivery.id}/pause`);
  await scene.execution(unpaused!.delivery).unpause();
  await scene.execution(cancelled!.delivery).cancel('not wanted');
  await scene.execution(terminated!.delivery).terminate('not wanted');
  await scene.execution(paused!.delivery).pause();
  await scene.follow.executions.reset(reset!.delivery.id);

  for (const [{ partner, delivery }, status] of [
    [cancelled!, 'cancelled'],
    [paused!, 'paused'],
  ] as const) {
    expect(await followDelivery(scene.follow, delivery.id)).toBe('followed');
    expect((await partner.delivery(status)).audit).toHaveLength(1);
  }
  await scene.startWorker();
  expect((await terminated!.partner.delivery('cancelled')).audit).toMatchObject([
    { actor: `temporal:${scene.api.namespace.client.options.identity}`, action: 'delivery.cancelled' },
  ]);
  expect(await unpaused!.partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  expect(await reset!.partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  expect(await statusOf(paused!.delivery)).toBe('PAUSED');
  for (const { partner } of [cancelled!, terminated!, paused!]) {
    await partner.delivery(partner === paused!.partner ? 'paused' : 'cancelled');
    expect(partner.receiver.received).toHaveLength(1);
  }
});

test('verbs over the API reach Temporal without a worker and take effect when it is back', async () => {
  const [cancelled, paused, resumed, retried, resent] = cases;
  const verb = (which: (typeof cases)[number] | undefined, word: DeliveryVerb) =>
    which!.partner.call('POST', `/v1/webhooks/deliveries/${which!.delivery.id}/${word}`);
  for (const [which, word, execution] of [
    [cancelled, 'cancel', 'told'],
    [paused, 'pause', 'told'],
    [resumed, 'pause', 'told'],
    [resumed, 'resume', 'told'],
    [retried, 'retry', 'told'],
    [resent, 'cancel', 'told'],
    [resent, 'retry', 'none'],
  ] as const)
    expect(await verb(which, word)).toMatchObject({ status: 200, body: { execution } });
  expect(await statusOf(cancelled!.delivery)).toBe('CANCELED');
  expect(await statusOf(paused!.delivery)).toBe('PAUSED');
  await scene.startWorker();
  for (const which of [resumed, retried, resent])
    expect(await which!.partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  for (const [which, status] of [
    [cancelled, 'cancelled'],
    [paused, 'paused'],
  ] as const) {
    await which!.partner.delivery(status);
    expect(which!.partner.receiver.received).toHaveLength(1);
  }
});

test('while Temporal does not answer the row changes, and Temporal is told later', async () => {
  const [cancelled, paused, resumed, retried, resent] = cases;
  await scene.execution(resumed!.delivery).pause();
  await followDelivery(scene.follow, resumed!.delivery.id);
  await resent!.partner.call('POST', `/v1/webhooks/deliveries/${resent!.delivery.id}/cancel`);

  const away = openConnection({ TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: 'none' });
  const client = openClient(away, { TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: 'none' });
  const deps: FollowDeps = {
    db: scene.db,
    executions: new TemporalDeliveryExecutions(client, DELIVERY_ACTIVITY, deliveryActivityId),
  };
  for (const [which, verb, status] of [
    [cancelled, 'cancel', 'cancelled'],
    [paused, 'pause', 'paused'],
    [resumed, 'resume', 'retrying'],
    [retried, 'retry', 'retrying'],
    [resent, 'retry', 'retrying'],
  ] as const) {
    const { appId } = which!.partner;
    const request = { deliveryId: which!.delivery.id, appId, verb, actor: 'key:test' };
    expect(await performVerb(deps, request)).toBe('unreachable');
    expect((await which!.partner.delivery(status)).audit.at(-1)).toMatchObject({ execution: 'asked' });
  }
  await away.close();

  await scene.startWorker();
  for (const which of [resumed, retried, resent])
    expect(await which!.partner.delivery('delivered')).toMatchObject({ attempts: 2 });
  await scene.untilExecution(cancelled!.delivery, 'CANCELED');
  await scene.untilExecution(paused!.delivery, 'PAUSED');
  expect((await paused!.partner.delivery('paused')).audit).toMatchObject([{ execution: 'told' }]);
  expect(cancelled!.partner.receiver.received).toHaveLength(1);
});
