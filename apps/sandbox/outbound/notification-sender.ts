import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../../libs/telemetry/logger';
import type { SandboxProvider } from '../providers';
import type { FaultBox } from '../faults';
import type { Stats } from '../stats';

export interface Notification {
  provider: SandboxProvider;
  accountNames: readonly string[];
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  isAccepted(status: number): boolean;
  attempts: number;
  timeoutMs: number;
}

const HELD_MS = 1000;

/**
 * Sends providers' notifications in the background: limited attempts with growing delays, and the faults
 * `duplicate_notification` (sent twice) and `out_of_order_notification` (held until the next one was sent,
 * or for a second).
 */
export class NotificationSender {
  readonly #stop = new AbortController();
  readonly #held: Notification[] = [];

  constructor(
    private readonly current: { faults: FaultBox; stats: Stats },
    private readonly retryMs: number,
    private readonly log: Logger,
  ) {}

  send(notification: Notification): void {
    const { faults, stats } = this.current;
    const target = {
      provider: notification.provider,
      path: '',
      isDataPath: false,
      accountNames: notification.accountNames,
    };
    stats.notifications.queued += 1;
    const holding = faults.strike(['out_of_order_notification'], target);
    if (holding !== undefined) {
      this.#held.push(notification);
      void this.#releaseLater(holding.delayMs ?? HELD_MS);
      return;
    }
    const copies = faults.strike(['duplicate_notification'], target) === undefined ? 1 : 2;
    const sent = Array.from({ length: copies }, () => this.#deliver(notification));
    const late = this.#held.splice(0);
    if (late.length > 0) void Promise.all(sent).then(() => late.map((held) => this.#deliver(held)));
  }

  /** Stops all retries. */
  close(): void {
    this.#stop.abort();
  }

  async #releaseLater(afterMs: number): Promise<void> {
    await this.#pause(afterMs);
    for (const held of this.#held.splice(0)) void this.#deliver(held);
  }

  async #deliver(notification: Notification): Promise<void> {
    const { stats } = this.current;
    for (let attempt = 1; attempt <= notification.attempts; attempt++) {
      if (this.#stop.signal.aborted) return;
      stats.notifications.attempts += 1;
      if (await this.#post(notification)) {
        stats.notifications.acknowledged += 1;
        return;
      }
      if (attempt < notification.attempts) await this.#pause(this.retryMs * 2 ** (attempt - 1));
    }
    stats.notifications.lost += 1;
    this.log.warn('notification lost', { provider: notification.provider, url: notification.url });
  }

  async #post(notification: Notification): Promise<boolean> {
    try {
      const response = await fetch(notification.url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json', ...notification.headers },
        body: notification.body,
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(notification.timeoutMs)]),
      });
      await response.body?.cancel();
      return notification.isAccepted(response.status);
    } catch (error) {
      this.log.debug('notification attempt failed', { url: notification.url, error });
      return false;
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal, ref: false }).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
  }
}
