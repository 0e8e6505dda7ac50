import type { ManagedProcess } from './managed-process';
import type { Say } from './project';
import type { StackLock } from './stack-lock';

/** Everything that must be stopped, newest first, and whether somebody asked for it. */
export class StackParts {
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #expected = new Set<ManagedProcess>();
  #stopping: Promise<void> | undefined;
  #fail: (how: string) => void = () => undefined;
  readonly failed = new Promise<string>((resolve) => {
    this.#fail = resolve;
  });

  constructor(private readonly lock: StackLock) {}

  onStop(stop: () => Promise<void>): void {
    this.#stops.unshift(stop);
  }
  add(child: ManagedProcess): void {
    this.lock.add(child);
    void child.exited.then((how) => {
      if (!this.#stopping && !this.#expected.has(child))
        this.#fail(`${child.name} ${how}; see ${child.logFile}`);
    });
  }
  expectEndOf(child: ManagedProcess): void {
    this.#expected.add(child);
  }
  stop(): Promise<void> {
    this.#stopping ??= (async () => {
      for (const stop of this.#stops) await stop();
      this.lock.release();
    })();
    return this.#stopping;
  }
}

/** Stops everything on the first signal, then ends this process; returns what takes the handlers off again. */
export function stopOnSignals(stop: () => Promise<void>, say: Say): () => void {
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal) => {
    const handler = () => {
      say('Stopping …');
      void stop().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143));
    };
    process.once(signal, handler);
    return () => process.removeListener(signal, handler);
  });
  return () => {
    for (const remove of handlers) remove();
  };
}
