import { setTimeout as pause } from 'node:timers/promises';

export interface ReadingOptions {
  /** A value is read anew at most this often, and at most a twentieth of the time goes into reading. */
  validMs: number;
  /** Whoever asks waits no longer than this for a new value. */
  waitMs: number;
}

const LEAST_PAUSE_PER_READING = 20;

/** A value that costs much to read, for those who ask often: one reading at a time, and the last value meanwhile. */
export class SlowReading<T> {
  #last: T | null = null;
  #nextAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(
    private readonly read: () => Promise<T>,
    private readonly onError: (error: unknown) => void,
    private readonly options: ReadingOptions,
  ) {}

  /** The newest value there is in time; null before the first one. Never rejects. */
  async value(): Promise<T | null> {
    if (performance.now() >= this.#nextAt) this.#reading ??= this.#refresh();
    if (this.#reading !== null)
      await Promise.race([this.#reading, pause(this.options.waitMs, undefined, { ref: false })]);
    return this.#last;
  }

  async #refresh(): Promise<void> {
    const startedAt = performance.now();
    try {
      this.#last = await this.read();
    } catch (error) {
      this.onError(error);
    }
    const now = performance.now();
    this.#nextAt = now + Math.max(this.options.validMs, (now - startedAt) * LEAST_PAUSE_PER_READING);
    this.#reading = null;
  }
}
