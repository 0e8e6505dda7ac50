/** A wait that another part of the process can cut short. A ring while nobody waits ends the next wait at once. */
export class WakeUp {
  #rung = false;
  #end: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#end?.();
  }

  /** Resolves after `ms` (false) or at a ring (true). One waiter at a time. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#rung)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#end = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#end = null;
    const rung = this.#rung;
    this.#rung = false;
    return rung;
  }
}
