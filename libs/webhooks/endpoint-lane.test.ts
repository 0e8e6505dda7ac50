import type { DeliveryToSend, EndpointToSend } from '../db/deliveries.repo';
import { DISPATCH_SETTINGS } from './dispatch-settings';
import { EndpointLane } from './endpoint-lane';

const delivery = (id: string, endpoint: Partial<EndpointToSend> = {}): DeliveryToSend =>
  ({
    id,
    endpointId: 'whe_1',
    endpoint: { fifo: false, ratePerS: null, draining: false, health: 'healthy', ...endpoint },
  }) as DeliveryToSend;

const laneOf = (count: number, endpoint: Partial<EndpointToSend> = {}): EndpointLane => {
  const lane = new EndpointLane(DISPATCH_SETTINGS);
  for (let i = 0; i < count; i += 1) lane.claim(delivery(`whd_${i}`, endpoint), 0);
  return lane;
};

const sendAll = (lane: EndpointLane, now: number): DeliveryToSend[] => {
  const sent: DeliveryToSend[] = [];
  for (let d = lane.next(now); d !== null; d = lane.next(now)) sent.push(d);
  return sent;
};

test('at most eight are in flight, and the claim grows while everything arrives', () => {
  const lane = laneOf(8);
  expect(lane.room()).toBe(0);
  const sent = sendAll(lane, 0);
  expect(sent).toHaveLength(8);
  lane.ended(sent[0]!, 'arrived');
  lane.ended(sent[1]!, 'arrived');
  expect(lane.room()).toBe(32 - 8);
  lane.acknowledged('whd_0');
  expect(lane.room()).toBe(32 - 7);
});

test('a failure lets go of what was claimed ahead', () => {
  const lane = laneOf(20);
  const [first] = sendAll(lane, 0);
  lane.ended(first!, 'failed');
  expect(lane.claimed.size).toBe(8);
  expect(lane.next(0)).toBeNull();
});

test('what was claimed long ago is not sent but read anew', () => {
  const lane = laneOf(2);
  expect(sendAll(lane, DISPATCH_SETTINGS.claimValidMs + 1)).toEqual([]);
  expect(lane.isIdle).toBe(true);
});

test('the rate of the endpoint spaces requests, and of one that drains the drain’s', () => {
  const lane = laneOf(3, { ratePerS: 10 });
  expect(sendAll(lane, 1_000)).toHaveLength(1);
  expect(lane.waitMs(1_000)).toBe(50);
  expect(sendAll(lane, 1_049)).toHaveLength(0);
  expect(sendAll(lane, 1_050)).toHaveLength(1);
  expect(lane.waitMs(1_050)).toBe(100);
  const draining = laneOf(3, { draining: true });
  expect(sendAll(draining, 0)).toHaveLength(1);
  expect(draining.waitMs(0)).toBe(1000 / DISPATCH_SETTINGS.drainRatePerS);
});

test('a FIFO endpoint gets one at a time, and nothing after a failure until its result is written', () => {
  const lane = laneOf(3, { fifo: true });
  const [first, ...more] = sendAll(lane, 0);
  expect(more).toEqual([]);
  lane.ended(first!, 'arrived');
  const second = lane.next(0)!;
  lane.ended(second, 'failed');
  lane.acknowledged(first!.id);
  expect([lane.room(), lane.next(0)]).toEqual([0, null]);
  lane.acknowledged(second.id);
  expect(lane.room()).toBeGreaterThan(0);
});

test('a degraded endpoint gets its probe alone', () => {
  expect(sendAll(laneOf(2, { health: 'degraded' }), 0)).toHaveLength(1);
});
