export interface PushSubscription {
  id: number;
  clientId: string;
  callbackUrl: string;
  createdAt: string;
}

/** One subscription per app, as at Strava. */
export class PushSubscriptions {
  readonly #byClient = new Map<string, PushSubscription>();
  #nextId = 120_475;

  ofClient(clientId: string): PushSubscription | undefined {
    return this.#byClient.get(clientId);
  }

  add(clientId: string, callbackUrl: string, createdAt: string): PushSubscription {
    const subscription = { id: this.#nextId++, clientId, callbackUrl, createdAt };
    this.#byClient.set(clientId, subscription);
    return subscription;
  }

  remove(clientId: string): void {
    this.#byClient.delete(clientId);
  }
}
