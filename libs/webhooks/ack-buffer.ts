import { setTimeout as pause } from 'node:timers/promises';

const RETRY_MS = 500;

export interface AckBufferOptions<T> {
  /** Writes a batch; repeated with the same batch until it succeeds, so it must bear repetition. */
  write: (batch: readonly T[]) => Promise<void>;
  onError: (error: unknown) => void;
  delayMs: number;
  maxBatch: number;
}

/** Collects acks for a few milliseconds and writes them in one statement, one batch at a time. */
export class AckBuffer<T> {
  #queue: T[] = [];
  #flushing: Promise<void> | null = null;

  constructor(private readonly options: AckBufferOptions<T>) {}

  add(ack: T): void {
    this.#queue.push(ack);
    this.#flushing ??= this.#flush();
  }

  /** Resolves when everything added so far is written. */
  async settled(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    const { write, onError, delayMs, maxBatch } = this.options;
    await pause(delayMs);
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, maxBatch);
      try {
        await write(batch);
        this.#queue = this.#queue.slice(batch.length);
      } catch (error) {
        onError(error);
        await pause(RETRY_MS, undefined, { ref: false });
      }
    }
    this.#flushing = null;
  }
}
