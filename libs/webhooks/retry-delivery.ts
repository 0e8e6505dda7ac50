import { AppError } from '../core/errors';
import { readDelivery, type DeliveryToSend } from '../db/deliveries.repo';
import { writeResults, type DeliveryResult } from '../db/delivery-results.repo';
import type { ProbePolicy } from '../db/endpoint-health';
import { beginRetry, drainRetries, releaseRetrySlot } from '../db/retry-slots.repo';
import { wakeDispatchers } from '../db/wake-dispatchers';
import { attemptDelivery, type AttemptDeps } from './attempt-delivery';
import type { WebhookMetrics } from './webhook-metrics';

/** A held delivery (endpoint paused or disabled) looks again after this time; looking is not an attempt. */
const HELD_MS = 300_000;
/** The dispatcher has the row, or another attempt wrote first: look again soon. */
const BUSY_MS = 5_000;
/** Both retry slots of the endpoint are taken: wait for one, not all at the same instant, and not often: each look is an activity. */
const SLOT_WAIT_MS = 5_000;
/** Longer than an attempt may take. */
const SLOT_MS = 30_000;

export interface RetryDeps extends AttemptDeps {
  probes: ProbePolicy;
  metrics: WebhookMetrics;
}

/**
 * One step of a failing delivery's retries: sends it when it is due, else says when to come back. Attempt number and due
 * time live in the row, so it does not matter who calls this, how often, or when.
 *
 * @throws AppError `delivery_failed` with `retryAfterMs` when it is to be called again; `delivery_exhausted` when the
 *   delivery ended without success
 */
export async function retryDelivery(
  deps: RetryDeps,
  deliveryId: string,
): Promise<{ status: 'delivered' | 'cancelled' }> {
  const delivery = await readDelivery(deps.db, deliveryId);
  const ended = delivery === null ? 'cancelled' : endOf(delivery);
  if (delivery === null || ended !== null) return { status: ended ?? 'cancelled' };
  refuseWhenNotNow(delivery);

  const slot = await beginRetry(deps.db, delivery, SLOT_MS);
  if (slot === 'moved') throw later(delivery, 'it moved on', BUSY_MS);
  if (slot === 'full')
    throw later(
      delivery,
      'two other retries of the endpoint are under way',
      SLOT_WAIT_MS * (1 + Math.random()),
    );
  try {
    return concluded(delivery, await attemptAndWrite(deps, delivery), deps.scheduleS.length + 1);
  } finally {
    await releaseRetrySlot(deps.db, delivery.endpointId, slot, delivery.id);
  }
}

/** Null when nothing was written: the attempt was ended, or another one was faster. */
async function attemptAndWrite(deps: RetryDeps, delivery: DeliveryToSend): Promise<DeliveryResult | null> {
  const result = await attemptDelivery(deps, delivery);
  if (result === null) return null;
  deps.metrics.observe(delivery, result);
  const { written, recovered } = await writeResults(deps.db, [result], deps.probes);
  for (const endpointId of recovered) {
    await deps.db.transaction((tx) => drainRetries(tx, endpointId));
    await wakeDispatchers(deps.db);
  }
  return written.length === 0 ? null : result;
}

function concluded(
  delivery: DeliveryToSend,
  result: DeliveryResult | null,
  maxAttempts: number,
): { status: 'delivered' | 'cancelled' } {
  if (result === null) throw later(delivery, 'another attempt was faster', BUSY_MS);
  const number = delivery.attempts - delivery.scheduleFrom + 1;
  switch (result.status) {
    case 'delivered':
    case 'cancelled':
      return { status: result.status };
    case 'failed':
      throw exhausted(delivery, number, result.attempt?.error ?? null, result.endpointGone);
    case 'retrying':
      throw later(
        delivery,
        `attempt ${number} of ${maxAttempts} failed (${result.attempt?.error})`,
        result.retryInMs ?? HELD_MS,
      );
  }
}

/** How the delivery ended before, null when it goes on. @throws AppError `delivery_exhausted` */
function endOf(delivery: DeliveryToSend): 'delivered' | 'cancelled' | null {
  if (delivery.status === 'delivered' || delivery.status === 'cancelled') return delivery.status;
  if (delivery.status === 'failed')
    throw new AppError(
      'delivery_exhausted',
      `Delivery ${delivery.id} had ended after ${delivery.attempts} attempts`,
    );
  return null;
}

/** @throws AppError `delivery_failed` when nothing may be sent at this moment */
function refuseWhenNotNow(delivery: DeliveryToSend): void {
  if (delivery.status === 'pending') throw later(delivery, 'the dispatcher sends it', BUSY_MS);
  if (delivery.status === 'paused') throw later(delivery, 'it is paused', HELD_MS);
  if (delivery.waitMs > 0) throw later(delivery, `${delivery.attempts} attempts failed`, delivery.waitMs);
  if (delivery.endpoint.status !== 'enabled')
    throw later(delivery, `endpoint ${delivery.endpointId} is ${delivery.endpoint.status}`, HELD_MS);
}

function later({ id }: DeliveryToSend, why: string, waitMs: number): AppError {
  const at = new Date(Date.now() + waitMs).toISOString();
  return new AppError('delivery_failed', `Delivery ${id}: ${why}; the next attempt is due at ${at}`, {
    retryAfterMs: waitMs,
  });
}

const exhausted = (delivery: DeliveryToSend, number: number, error: string | null, gone: boolean): AppError =>
  new AppError(
    'delivery_exhausted',
    gone
      ? `Delivery ${delivery.id}: endpoint ${delivery.endpointId} answered 410 Gone and is disabled now`
      : `Delivery ${delivery.id} failed for good: attempt ${number} was the last (${error})`,
  );
