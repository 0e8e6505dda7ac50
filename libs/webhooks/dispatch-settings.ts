/** The knobs of a dispatcher. Times in ms. */
export interface DispatchSettings {
  /** POSTs in flight in all and per endpoint. */
  inFlight: number;
  inFlightPerEndpoint: number;
  /** Acks are collected this long. */
  ackDelayMs: number;
  /** Poll interval until `busyForMs` after the last event, and after that. */
  busyPollMs: number;
  busyForMs: number;
  idlePollMs: number;
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
  ackDelayMs: 5,
  busyPollMs: 25,
  busyForMs: 2_000,
  idlePollMs: 1_000,
  runForMs: 600_000,
  drainMs: 15_000,
  liveRetriesPerEndpoint: 100,
};
