import { randomUUID } from 'node:crypto';
import { isGrpcServiceError, type Client } from '@temporalio/client';
import { tsToMs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { AppError } from '../libs/core/errors';

const { ActivityExecutionStatus, PendingActivityState, RetryState } = temporal.api.enums.v1;
type Description = temporal.api.workflowservice.v1.IDescribeActivityExecutionResponse;

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const CALL_TIMEOUT_MS = 2_000;

/** Tells our own cancellations from people's: Temporal shows a reason, and of a running attempt nothing else. */
const OUR_REASON = 'the delivery has ended or was cancelled in DietTracker';

/** As in libs/webhooks/delivery-executions, which this folder must not import. */
type ExecutionState =
  | { kind: 'none' }
  | { kind: 'running'; wakesInMs: number | null }
  | { kind: 'paused'; atWork: boolean }
  | { kind: 'cancelling'; ours: boolean }
  | { kind: 'cancelled'; by: string | null; ours: boolean }
  | { kind: 'ended' };

/**
 * Standalone activities that retry one delivery each, over raw gRPC: the SDK (1.24) has no reset and does not tell the
 * retry state of an outcome. What server 1.32.2 does (its `chasm/lib/activity`, and tried out):
 * - **cancel** of one that waits for its retry, or is paused: CANCELED at once, no worker needed. While an attempt runs
 *   it becomes cancel-requested; the attempt is told only by heartbeats, which this activity has none of, so it ends: well
 *   → COMPLETED, with a failure → FAILED with retry state CANCEL_REQUESTED, worker lost → TIMED_OUT after start-to-close.
 *   Neither reset nor a second cancel is taken then. The canceller's identity stands in the CanceledFailureInfo only.
 * - **terminate**: TERMINATED at once; the identity stands in the TerminatedFailureInfo.
 * - **pause**: PAUSED at once, or pause-requested until the attempt under way ends. Who paused it is not told.
 * - **unpause** keeps the old due time. **reset** runs it now as attempt 1, also from PAUSED; while an attempt runs it
 *   takes effect when that fails.
 * - Errors: NOT_FOUND (5) for an unknown id, FAILED_PRECONDITION (9) for a verb that its state does not allow.
 * - **Visibility** knows `ExecutionStatus = 'Paused'` (not pause-requested) and closed ones by `CloseTime`; a list took
 *   5 ms and was up to date at once, a description 2 ms.
 * Reset, pause and unpause need `history.enableStandaloneActivityOperatorCommands`.
 */
export class TemporalDeliveryExecutions {
  readonly #namespace: string;
  readonly #identity: string;

  /** @param activityIdOf the activity's id for a delivery's; a prefix and the delivery id */
  constructor(
    private readonly client: Client,
    private readonly activityType: string,
    private readonly activityIdOf: (deliveryId: string) => string,
  ) {
    this.#namespace = client.options.namespace;
    this.#identity = client.options.identity;
  }

  /** @throws AppError `engine_unavailable` */
  async describe(deliveryId: string): Promise<ExecutionState> {
    const { namespace, activityId } = this.#target(deliveryId);
    try {
      return stateOf(
        await this.#call(() =>
          this.client.workflowService.describeActivityExecution({
            namespace,
            activityId,
            includeOutcome: true,
          }),
        ),
      );
    } catch (error) {
      if (codeOf(error) === NOT_FOUND) return { kind: 'none' };
      throw error;
    }
  }

  reset(deliveryId: string): Promise<boolean> {
    return this.#tell(() => this.client.workflowService.resetActivityExecution(this.#target(deliveryId)));
  }

  pause(deliveryId: string): Promise<boolean> {
    const reason = 'paused in DietTracker';
    return this.#tell(() =>
      this.client.workflowService.pauseActivityExecution({ ...this.#target(deliveryId), reason }),
    );
  }

  unpause(deliveryId: string): Promise<boolean> {
    return this.#tell(() => this.client.workflowService.unpauseActivityExecution(this.#target(deliveryId)));
  }

  cancel(deliveryId: string): Promise<boolean> {
    return this.#tell(() =>
      this.client.workflowService.requestCancelActivityExecution({
        ...this.#target(deliveryId),
        reason: OUR_REASON,
      }),
    );
  }

  /** @throws AppError `engine_unavailable`, also when only the visibility store is away */
  async listStopped(since: Date, limit: number): Promise<string[]> {
    const query =
      `ActivityType = '${this.activityType}' AND (ExecutionStatus = 'Paused' OR ` +
      `(ExecutionStatus IN ('Canceled', 'Terminated', 'Failed', 'TimedOut') AND CloseTime > '${since.toISOString()}'))`;
    const prefix = this.activityIdOf('');
    const ids: string[] = [];
    let nextPageToken: Uint8Array | null = null;
    do {
      const page: temporal.api.workflowservice.v1.IListActivityExecutionsResponse = await this.#call(() =>
        this.client.workflowService.listActivityExecutions({
          namespace: this.#namespace,
          query,
          pageSize: limit,
          nextPageToken,
        }),
      );
      for (const { activityId } of page.executions ?? [])
        if (activityId?.startsWith(prefix)) ids.push(activityId.slice(prefix.length));
      nextPageToken = page.nextPageToken ?? null;
    } while (nextPageToken !== null && nextPageToken.length > 0 && ids.length < limit);
    return ids.slice(0, limit);
  }

  #target(deliveryId: string) {
    return {
      namespace: this.#namespace,
      activityId: this.activityIdOf(deliveryId),
      identity: this.#identity,
      requestId: randomUUID(),
    };
  }

  async #call<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.client.withDeadline(Date.now() + CALL_TIMEOUT_MS, call);
    } catch (error) {
      const code = codeOf(error);
      if (code === NOT_FOUND || code === FAILED_PRECONDITION) throw error;
      throw new AppError('engine_unavailable', 'The workflow engine does not answer.', { cause: error });
    }
  }

  async #tell(call: () => Promise<unknown>): Promise<boolean> {
    try {
      await this.#call(call);
      return true;
    } catch (error) {
      if (error instanceof AppError) throw error;
      return false;
    }
  }
}

const codeOf = (error: unknown): number | null => (isGrpcServiceError(error) ? Number(error.code) : null);

function stateOf({ info, outcome }: Description): ExecutionState {
  const ours = info?.canceledReason === OUR_REASON;
  switch (info?.status) {
    case ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_RUNNING:
      return runningState(info, ours);
    case ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_PAUSED:
      return { kind: 'paused', atWork: false };
    case ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_CANCELED:
    case ActivityExecutionStatus.ACTIVITY_EXECUTION_STATUS_TERMINATED:
      return { kind: 'cancelled', by: endedBy(outcome), ours };
    default:
      return outcome?.retryState === RetryState.RETRY_STATE_CANCEL_REQUESTED
        ? { kind: 'cancelled', by: null, ours }
        : { kind: 'ended' };
  }
}

function endedBy(outcome: Description['outcome']): string | null {
  const failure = outcome?.failure;
  return failure?.canceledFailureInfo?.identity || failure?.terminatedFailureInfo?.identity || null;
}

function runningState(info: NonNullable<Description['info']>, ours: boolean): ExecutionState {
  switch (info.runState) {
    case PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED:
      return { kind: 'cancelling', ours };
    case PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED:
      return { kind: 'paused', atWork: true };
    default:
      return { kind: 'running', wakesInMs: wakesInMs(info.nextAttemptScheduleTime) };
  }
}

const wakesInMs = (at: Parameters<typeof tsToMs>[0]): number | null =>
  at ? Math.max(0, tsToMs(at) - Date.now()) : null;
