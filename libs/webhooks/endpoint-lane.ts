import type { DeliveryToSend } from '../db/deliveries.repo';
import type { DispatchSettings } from './dispatch-settings';

/** A dispatcher that was kept busy elsewhere may make up for so much of an endpoint's rate at once. */
const CATCH_UP_MS = 50;

interface Waiting {
  delivery: DeliveryToSend;
  claimedAt: number;
}

/**
 * The part of a dispatcher that belongs to one endpoint: what is claimed for it, and how much of that may be sent now.
 * The claim grows from the in-flight cap while everything arrives, and falls back to it with the first failure, so a slow
 * or failing endpoint holds little. Times are of `performance.now()`.
 */
export class EndpointLane {
  readonly #waiting: Waiting[] = [];
  /** Claimed and not acknowledged: waiting, in flight, or with an ack under way. */
  readonly #claimed = new Set<string>();
  #inFlight = 0;
  #cap: number;
  #ahead: number;
  #ratePerS: number | null = null;
  #nextSendAt = 0;
  /** A FIFO endpoint's failed delivery whose result is not written yet: nothing may overtake it. */
  #parkedBy: string | null = null;

  constructor(private readonly settings: DispatchSettings) {
    this.#cap = settings.inFlightPerEndpoint;
    this.#ahead = settings.inFlightPerEndpoint;
  }

  get claimed(): ReadonlySet<string> {
    return this.#claimed;
  }

  get isIdle(): boolean {
    return this.#claimed.size === 0;
  }

  /** How many more may be claimed. */
  room(): number {
    const wanted = this.#ratePerS === null ? this.#ahead : Math.min(this.#ahead, Math.ceil(this.#ratePerS));
    return this.#parkedBy === null ? Math.max(0, wanted - this.#claimed.size) : 0;
  }

  claim(delivery: DeliveryToSend, now: number): void {
    const { fifo, ratePerS, draining, health } = delivery.endpoint;
    const { drainRatePerS, inFlightPerEndpoint } = this.settings;
    this.#cap = fifo || health === 'degraded' ? 1 : inFlightPerEndpoint;
    this.#ratePerS = draining ? Math.min(ratePerS ?? drainRatePerS, drainRatePerS) : ratePerS;
    this.#claimed.add(delivery.id);
    this.#waiting.push({ delivery, claimedAt: now });
  }

  /** The next delivery to send now; null when none may. */
  next(now: number): DeliveryToSend | null {
    while (this.#waiting[0] !== undefined && now - this.#waiting[0].claimedAt > this.settings.claimValidMs)
      this.#claimed.delete(this.#waiting.shift()!.delivery.id);
    if (this.#inFlight >= this.#cap || this.#parkedBy !== null || now < this.#nextSendAt) return null;
    const taken = this.#waiting.shift();
    if (taken === undefined) return null;
    this.#inFlight += 1;
    if (this.#ratePerS !== null)
      this.#nextSendAt = Math.max(this.#nextSendAt, now - CATCH_UP_MS) + 1000 / this.#ratePerS;
    return taken.delivery;
  }

  /** Time until the rate allows the next one; null when the rate is not what holds it up. */
  waitMs(now: number): number | null {
    const free = this.#waiting.length > 0 && this.#inFlight < this.#cap && this.#parkedBy === null;
    return free && now < this.#nextSendAt ? this.#nextSendAt - now : null;
  }

  /** A request ended. */
  ended({ id, endpoint }: DeliveryToSend, result: 'arrived' | 'failed' | 'aborted'): void {
    this.#inFlight -= 1;
    if (result === 'arrived') {
      this.#ahead = Math.min(this.#ahead * 2, this.settings.claimedPerEndpoint);
      return;
    }
    this.#ahead = this.settings.inFlightPerEndpoint;
    if (result === 'aborted') this.#claimed.delete(id);
    else if (endpoint.fifo) this.#parkedBy = id;
    for (const { delivery } of this.#waiting.splice(0)) this.#claimed.delete(delivery.id);
  }

  /** The result of a delivery is written. */
  acknowledged(deliveryId: string): void {
    this.#claimed.delete(deliveryId);
    if (this.#parkedBy === deliveryId) this.#parkedBy = null;
  }
}
