import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { AppError } from '../../../libs/core/errors';
import { newId } from '../../../libs/core/ids';
import { audit, keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import { deliveryIdOf, findDelivery, type DeliveryWithAttempts } from '../../../libs/db/deliveries-read.repo';
import type { Endpoint } from '../../../libs/db/endpoints.repo';
import { appendAppEvent } from '../../../libs/db/outbox';
import type { Principal } from '../../../libs/db/principals.repo';
import { publishing } from '../../../libs/db/wake-dispatchers';
import type { EventType } from '../../../libs/webhooks/event-types';
import { DATABASE } from '../injection-tokens';

const POLL_MS = 50;

export interface Ping {
  eventId: string;
  deliveryId: string;
}

/** Sends an `endpoint.ping` and waits for what becomes of it. */
@Injectable()
export class PingService implements OnModuleDestroy {
  readonly #closing = new AbortController();

  constructor(@Inject(DATABASE) private readonly db: Database) {}

  /** Callers who wait are answered 202 at once when the process stops. */
  onModuleDestroy(): void {
    this.#closing.abort();
  }

  /** @throws AppError `conflict` when the endpoint is not enabled: the ping would wait with the rest */
  async send(principal: Principal, endpoint: Endpoint): Promise<Ping> {
    if (endpoint.status !== 'enabled')
      throw new AppError(
        'conflict',
        `This endpoint is ${endpoint.status}. POST /v1/webhooks/endpoints/${endpoint.id}/enable enables it.`,
        { details: { status: endpoint.status, reason: endpoint.statusReason } },
      );
    const event: { id: string; appId: string; type: EventType; data: { endpointId: string } } = {
      id: newId('event'),
      appId: endpoint.appId,
      type: 'endpoint.ping',
      data: { endpointId: endpoint.id },
    };
    return publishing(this.db, async (tx) => {
      const details = { eventId: event.id };
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.pinged',
        subject: endpoint.id,
        details,
      });
      await appendAppEvent(tx, event, [endpoint.id]);
      return { eventId: event.id, deliveryId: await deliveryIdOf(tx, event.id, endpoint.id) };
    });
  }

  /**
   * The delivery once its first attempt was made; null when none was within the time.
   * @param callerGone ends the wait early
   */
  async firstAttempt(
    appId: string,
    deliveryId: string,
    waitS: number,
    callerGone: AbortSignal,
  ): Promise<DeliveryWithAttempts | null> {
    const until = performance.now() + waitS * 1000;
    while (performance.now() < until && !callerGone.aborted && !this.#closing.signal.aborted) {
      const now = await findDelivery(this.db, appId, deliveryId);
      if (now === null) return null;
      if (now.status !== 'pending' || now.attempts.length > 0) return now;
      await pause(POLL_MS);
    }
    return null;
  }
}
