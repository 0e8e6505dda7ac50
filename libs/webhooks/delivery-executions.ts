/** How the execution that retries a delivery stands in Temporal. */
export type ExecutionState =
  /** There is none, or it is forgotten. */
  | { kind: 'none' }
  /** `wakesInMs`: it sleeps so long; null: an attempt is under way or about to be. */
  | { kind: 'running'; wakesInMs: number | null }
  /** `atWork`: the attempt under way still ends. */
  | { kind: 'paused'; atWork: boolean }
  /** Cancelled, and the attempt under way still ends. */
  | { kind: 'cancelling'; ours: boolean }
  /** Somebody cancelled or terminated it; `by`: who, where Temporal tells; `ours`: this product did, for the row's sake. */
  | { kind: 'cancelled'; by: string | null; ours: boolean }
  /** It ended by itself. */
  | { kind: 'ended' };

/**
 * The executions of failing deliveries, by delivery id. The verbs answer false when there is nothing (any more) that could
 * do as it is told: no execution, an ended one, or one that is so already. All throw when Temporal does not answer.
 */
export interface DeliveryExecutions {
  describe(deliveryId: string): Promise<ExecutionState>;
  /** Makes it run now; a paused one is unpaused. */
  reset(deliveryId: string): Promise<boolean>;
  pause(deliveryId: string): Promise<boolean>;
  /** Its old due time stays. */
  unpause(deliveryId: string): Promise<boolean>;
  cancel(deliveryId: string): Promise<boolean>;
  /** Delivery ids of at most `limit` executions that are paused now, or ended otherwise than well since then. */
  listStopped(since: Date, limit: number): Promise<string[]>;
}
