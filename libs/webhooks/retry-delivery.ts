import { AppError } from '../core/errors';
import { readDelivery, writeRetryResult, type DeliveryToSend } from '../db/deliveries.repo';
import { attemptDelivery, type AttemptDeps } from './attempt-delivery';

/** A held delivery (endpoint paused or disabled) looks again after this time; looking is not an attempt. */
const HELD_MS = 300_000;
/** The dispatcher has the row, or another attempt wrote first: look again soon. */
const BUSY_MS = 5_000;

/**
 * One step of a failing delivery's retries: sends it when it is due, else says when to come back. Attempt number and due
 * time live in the row, so it does not matter who calls this, how often, or when.
 *
 * @throws AppError `delivery_failed` with `retryAfterMs` when it is to be called again; `delivery_exhausted` when the
 *   delivery ended without success
 */
export async function retryDelivery(
  deps: AttemptDeps,
  deliveryId: string,
): Promise<{ status: 'delivered' | 'cancelled' }> {
  const delivery = await readDelivery(deps.db, deliveryId);
  const ended = delivery === null ? 'cancelled' : endOf(delivery, deps.scheduleS.length + 1);
  if (delivery === null || ended !== null) return { status: ended ?? 'cancelled' };
  refuseWhenNotNow(delivery, deps.scheduleS.length + 1);

  const result = await attemptDelivery(deps, delivery);
  if (result === null || !(await writeRetryResult(deps.db, result)))
    throw later(delivery, 'another attempt was faster', BUSY_MS);
  switch (result.status) {
    case 'delivered':
    case 'cancelled':
      return { status: result.status };
    case 'failed':
      throw exhausted(delivery, result.attempt?.error ?? null, result.endpointGone);
    case 'retrying':
      throw later(
        delivery,
        `attempt ${delivery.attempts + 1} of ${deps.scheduleS.length + 1} failed (${result.attempt?.error})`,
        result.retryInMs ?? HELD_MS,
      );
  }
}

/** How the delivery ended before, null when it goes on. @throws AppError `delivery_exhausted` */
function endOf(delivery: DeliveryToSend, maxAttempts: number): 'delivered' | 'cancelled' | null {
  if (delivery.status === 'delivered' || delivery.status === 'cancelled') return delivery.status;
  if (delivery.status === 'failed')
    throw new AppError(
      'delivery_exhausted',
      `Delivery ${delivery.id} had ended after ${delivery.attempts} of ${maxAttempts} attempts`,
    );
  return null;
}

/** @throws AppError `delivery_failed` when nothing may be sent at this moment */
function refuseWhenNotNow(delivery: DeliveryToSend, maxAttempts: number): void {
  if (delivery.status !== 'retrying') throw later(delivery, 'the dispatcher has it', BUSY_MS);
  if (delivery.waitMs > 0)
    throw later(delivery, `${delivery.attempts} of ${maxAttempts} attempts failed`, delivery.waitMs);
  if (delivery.endpointStatus !== 'enabled')
    throw later(delivery, `endpoint ${delivery.endpointId} is ${delivery.endpointStatus}`, HELD_MS);
}

function later({ id }: DeliveryToSend, why: string, waitMs: number): AppError {
  const at = new Date(Date.now() + waitMs).toISOString();
  return new AppError('delivery_failed', `Delivery ${id}: ${why}; the next attempt is due at ${at}`, {
    retryAfterMs: waitMs,
  });
}

function exhausted(delivery: DeliveryToSend, error: string | null, gone: boolean): AppError {
  const number = delivery.attempts + 1;
  return new AppError(
    'delivery_exhausted',
    gone
      ? `Delivery ${delivery.id}: endpoint ${delivery.endpointId} answered 410 Gone and is disabled now`
      : `Delivery ${delivery.id} failed for good: attempt ${number} was the last (${error})`,
  );
}
