import { AppError } from '../core/errors';
import type { Database } from '../db/database';
import {
  followVerb,
  forgetExecution,
  readFollowed,
  settleVerb,
  type FollowedDelivery,
  type LedVerb,
} from '../db/deliveries-sweep.repo';
import { wakeDispatchers } from '../db/wake-dispatchers';
import type { DeliveryExecutions, ExecutionState } from './delivery-executions';

/** An execution that wakes later than this although its delivery is due sleeps too long. */
const OVERSLEPT_MS = 1_000;

export interface FollowDeps {
  db: Database;
  executions: DeliveryExecutions;
}

/** What brings a delivery's row and its execution into line. */
export type Alignment =
  /** The verb was done in Temporal: the row follows. */
  | { row: LedVerb; thenReset?: boolean }
  /** There is no execution any more. */
  | { forget: true }
  /** The row is newer: the execution is told. */
  | { tell: 'reset' | 'pause' | 'unpause' | 'cancel' }
  /** Both agree. */
  | { inLine: true }
  /** Nothing can be done yet: an attempt has to end first. */
  | { wait: true };

/**
 * Decides who leads. Our verbs write the row first and note that the execution has still to be told (`askedBy`); while
 * that note stands the row leads, otherwise what somebody did in Temporal does. Ended rows always lead.
 */
export function alignmentOf(delivery: FollowedDelivery, execution: ExecutionState): Alignment {
  const rowLeads = delivery.askedBy !== null;
  switch (execution.kind) {
    case 'none':
    case 'ended':
      return { forget: true };
    case 'cancelled':
      return isOpen(delivery) && !rowLeads && !execution.ours
        ? { row: { verb: 'cancel', by: execution.by, executionLives: false } }
        : { forget: true };
    case 'cancelling':
      return isOpen(delivery) && !rowLeads && !execution.ours
        ? { row: { verb: 'cancel', by: null, executionLives: true } }
        : { wait: true };
    case 'paused':
      return withPaused(delivery, rowLeads, execution.atWork);
    case 'running':
      return withRunning(delivery, rowLeads, execution.wakesInMs);
  }
}

const isOpen = ({ status }: FollowedDelivery): boolean =>
  status === 'pending' || status === 'retrying' || status === 'paused';

function withPaused({ status }: FollowedDelivery, rowLeads: boolean, atWork: boolean): Alignment {
  switch (status) {
    case 'paused':
      return { inLine: true };
    case 'pending':
    case 'retrying':
      if (!rowLeads) return { row: { verb: 'pause', by: null, executionLives: true } };
      return { tell: atWork ? 'unpause' : 'reset' };
    case 'cancelled':
      return { tell: 'cancel' };
    case 'delivered':
    case 'failed':
      return { tell: atWork ? 'unpause' : 'reset' };
  }
}

function withRunning(delivery: FollowedDelivery, rowLeads: boolean, wakesInMs: number | null): Alignment {
  const sleeps = wakesInMs !== null && wakesInMs > OVERSLEPT_MS;
  switch (delivery.status) {
    case 'pending':
      return { inLine: true };
    case 'paused':
      return rowLeads
        ? { tell: 'pause' }
        : { row: { verb: 'resume', by: null, executionLives: true }, thenReset: sleeps };
    case 'retrying': {
      const due = delivery.overdueMs === null || delivery.overdueMs >= 0;
      if (due && sleeps) return { tell: 'reset' };
      return due && rowLeads ? { wait: true } : { inLine: true };
    }
    case 'cancelled':
      return { tell: 'cancel' };
    case 'delivered':
    case 'failed':
      return sleeps ? { tell: 'reset' } : { wait: true };
  }
}

/**
 * Looks at the execution of a delivery and brings the two into line. Answers whether the row changed.
 * @throws AppError `engine_unavailable`
 */
export async function followExecution(
  { db, executions }: FollowDeps,
  delivery: FollowedDelivery,
): Promise<boolean> {
  const alignment = alignmentOf(delivery, await executions.describe(delivery.id));
  if ('wait' in alignment) return false;
  if ('row' in alignment) {
    if (!(await followVerb(db, delivery, alignment.row))) return false;
    if (alignment.thenReset === true) await executions.reset(delivery.id);
    return true;
  }
  if ('tell' in alignment) await executions[alignment.tell](delivery.id);
  await settleVerb(db, delivery);
  if (!('forget' in alignment) || !(await forgetExecution(db, delivery))) return false;
  if (isOpen(delivery)) await wakeDispatchers(db);
  return true;
}

/**
 * Brings a delivery's row and its execution into line, by the delivery's id. `unreachable`: Temporal does not answer, and
 * the sweeper does it later; `none`: the delivery has no execution.
 */
export async function followDelivery(
  deps: FollowDeps,
  deliveryId: string,
): Promise<'none' | 'followed' | 'unreachable'> {
  const [delivery] = await readFollowed(deps.db, [deliveryId], null);
  if (delivery === undefined) return 'none';
  try {
    await followExecution(deps, delivery);
    return 'followed';
  } catch (error) {
    if (error instanceof AppError && error.code === 'engine_unavailable') return 'unreachable';
    throw error;
  }
}
