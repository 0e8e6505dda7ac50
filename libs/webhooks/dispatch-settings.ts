/** The knobs of a dispatcher. Times in ms. */
export interface DispatchSettings {
  /** POSTs in flight in all and per endpoint. */
  inFlight: number;
  inFlightPerEndpoint: number;
  /** Claimed and not yet sent, in all and at most per endpoint; an endpoint's share grows with its successes. */
  claimed: number;
  claimedPerEndpoint: number;
  /** What was claimed longer ago is read anew before it is sent. */
  claimValidMs: number;
  /** Acks are collected this long. */
  ackDelayMs: number;
  /** Below so many deliveries per second publishers wake the dispatcher; above so many it polls. */
  notifyBelowPerS: number;
  pollAbovePerS: number;
  /** How often to look for new rows while it polls, more seldom the more it finds, and, as a net, while it is woken. */
  busyPollMs: { min: number; max: number; perDeliveryPerS: number };
  idlePollMs: number;
  /** How often the days with open rows are read while busy. */
  openDaysForMs: number;
  /** Deliveries per second to an endpoint that is back after it was held. */
  drainRatePerS: number;
  /** When to end so that the workflow's history moves on. */
  runForMs: number;
  /** How long POSTs in flight may take to end when the dispatcher stops. */
  drainMs: number;
  /** Live retry executions per endpoint. */
  liveRetriesPerEndpoint: number;
}

export const DISPATCH_SETTINGS: DispatchSettings = {
  inFlight: 128,
  inFlightPerEndpoint: 8,
  claimed: 1_000,
  claimedPerEndpoint: 256,
  claimValidMs: 2_000,
  ackDelayMs: 30,
  notifyBelowPerS: 150,
  pollAbovePerS: 300,
  busyPollMs: { min: 10, max: 25, perDeliveryPerS: 0.02 },
  idlePollMs: 1_000,
  openDaysForMs: 5_000,
  drainRatePerS: 200,
  runForMs: 600_000,
  drainMs: 15_000,
  liveRetriesPerEndpoint: 100,
};
