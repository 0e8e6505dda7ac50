/** A wait that another part of the process can cut short. A ring while nobody waits ends the next wait at once. */
export class WakeUp {
  #rung = false;
  #end: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#end?.();
  }

  /** Resolves after `ms` or at a ring. One waiter at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#end = null;
    this.#rung = false;
  }
}
