import { setTimeout as pause } from 'node:timers/promises';
import postgres from 'postgres';
import { WAKE_CHANNEL } from './wake-dispatchers';

const RECONNECT_MS = 1_000;

export interface WakeListenerOptions {
  /** Straight to PostgreSQL: a pooler in transaction mode loses LISTEN. */
  url: string;
  /** Also called when the connection is back, because a NOTIFY may have been missed. */
  onWake: () => void;
  onError: (error: unknown) => void;
}

/**
 * Listens for `wakeDispatchers` on a connection of its own until `stop`, with a new one for every one that is lost: the
 * driver's own `listen` gives up when its first reconnect fails.
 */
export async function listenForWakes(options: WakeListenerOptions, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const client = postgres(options.url, {
      max: 1,
      idle_timeout: 0,
      max_lifetime: null,
      fetch_types: false,
      connection: { application_name: 'diettracker-wake' },
      onnotice: () => undefined,
      onclose: () => close(),
    });
    const end = (): void => close();
    stop.addEventListener('abort', end);
    try {
      await client.listen(WAKE_CHANNEL, options.onWake, options.onWake);
      await closed;
    } catch (error) {
      options.onError(error);
    }
    stop.removeEventListener('abort', end);
    await client.end({ timeout: 0 });
    if (!stop.aborted) await pause(RECONNECT_MS, undefined, { ref: false });
  }
}
