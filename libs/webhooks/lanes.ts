import type { DeliveryToSend } from '../db/deliveries.repo';
import type { DispatchSettings } from './dispatch-settings';
import { EndpointLane } from './endpoint-lane';

/** The lanes of every endpoint a dispatcher works on, served in turns so that none gets more than its share. */
export class Lanes {
  readonly #lanes = new Map<string, EndpointLane>();

  constructor(private readonly settings: DispatchSettings) {}

  /** How many more may be claimed of each endpoint that is known. */
  rooms(): Map<string, number> {
    return new Map([...this.#lanes].map(([endpointId, lane]) => [endpointId, lane.room()]));
  }

  claimed(): string[] {
    return [...this.#lanes.values()].flatMap((lane) => [...lane.claimed]);
  }

  claim(delivery: DeliveryToSend, now: number): void {
    let lane = this.#lanes.get(delivery.endpointId);
    if (!lane) this.#lanes.set(delivery.endpointId, (lane = new EndpointLane(this.settings)));
    lane.claim(delivery, now);
  }

  /** Up to `limit` deliveries to send now, one of each endpoint in turn. */
  next(limit: number, now: number): DeliveryToSend[] {
    const taken: DeliveryToSend[] = [];
    let found = true;
    while (found && taken.length < limit) {
      found = false;
      for (const lane of this.#lanes.values()) {
        if (taken.length >= limit) break;
        const delivery = lane.next(now);
        if (delivery === null) continue;
        taken.push(delivery);
        found = true;
      }
    }
    return taken;
  }

  get isIdle(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.isIdle);
  }

  /** Time until some endpoint's rate allows its next delivery; null when none waits for that. */
  waitMs(now: number): number | null {
    const waits = [...this.#lanes.values()].flatMap((lane) => lane.waitMs(now) ?? []);
    return waits.length === 0 ? null : Math.min(...waits);
  }

  ended(delivery: DeliveryToSend, result: 'arrived' | 'failed' | 'aborted'): void {
    this.#lanes.get(delivery.endpointId)?.ended(delivery, result);
  }

  acknowledged(delivery: DeliveryToSend): void {
    this.#lanes.get(delivery.endpointId)?.acknowledged(delivery.id);
  }

  /** Forgets the lanes of endpoints that have had nothing to do since the last call. */
  sweep(): void {
    for (const [endpointId, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(endpointId);
  }
}
