export interface Timed {
  readonly id: string;
  readonly timeMs: number;
}

/** Newest first; equal instants by id, so that the order is total. */
const newestFirst = (a: Timed, b: Timed): number =>
  b.timeMs - a.timeMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

/** First index of `list` (newest first) at which `before` stops holding. */
function partition<T>(list: readonly T[], before: (item: T) => boolean): number {
  let lo = 0;
  let hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    const item = list[mid];
    if (item !== undefined && before(item)) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

export interface Slice<T> {
  readonly items: readonly T[];
  readonly lo: number;
  readonly hi: number;
}

/** The part of `items` (newest first) with `fromMs` ≤ time < `toMs`, found by binary search. */
export function sliceOf<T extends Timed>(items: readonly T[], fromMs: number, toMs: number): Slice<T> {
  const lo = partition(items, (item) => item.timeMs >= toMs);
  return {
    items,
    lo,
    hi: Math.max(
      lo,
      partition(items, (item) => item.timeMs >= fromMs),
    ),
  };
}

/** The index of the first item that stands after `key` in newest-first order. */
export const indexAfter = <T extends Timed>(items: readonly T[], key: Timed): number =>
  partition(items, (item) => newestFirst(item, key) <= 0);

interface Pending<T> {
  item: T;
  readsLeft: number;
  visibleAtMs: number;
}

/**
 * One account's data of one kind, newest first. Made on first use, sorted once, then kept in order by
 * binary insertion. `derive` caches selections until the next change.
 */
export class TimedStream<T extends Timed> {
  #items: T[] | undefined;
  #byId: Map<string, T> | undefined;
  readonly #deleted = new Map<string, T>();
  readonly #pending = new Map<string, Pending<T>>();
  readonly #derived = new Map<string, readonly T[]>();

  constructor(
    private readonly generate: () => T[],
    private readonly now: () => number,
  ) {}

  get items(): readonly T[] {
    return this.#mutable();
  }

  get deleted(): readonly T[] {
    return [...this.#deleted.values()];
  }

  get(id: string): T | undefined {
    this.#byId ??= new Map(this.items.map((item) => [item.id, item]));
    return this.#byId.get(id);
  }

  /** The items `keep` accepts, cached under `key` until the data changes. */
  derive(key: string, keep: (item: T) => boolean): readonly T[] {
    let found = this.#derived.get(key);
    if (found === undefined) {
      found = this.items.filter(keep);
      if (this.#derived.size >= 32) this.#derived.clear();
      this.#derived.set(key, found);
    }
    return found;
  }

  put(item: T): void {
    const old = this.get(item.id);
    if (old !== undefined) this.#cut(old);
    const list = this.#mutable();
    list.splice(indexAfter(list, item), 0, item);
    this.#byId?.set(item.id, item);
    this.#deleted.delete(item.id);
    this.#pending.delete(item.id);
    this.#derived.clear();
  }

  /** Keeps an item invisible for the next `reads` reads and until `visibleAtMs`. */
  putPending(item: T, reads: number, visibleAtMs: number): void {
    this.#pending.set(item.id, { item, readsLeft: reads, visibleAtMs });
  }

  /** Call once per read: counts it and shows what was announced before it was readable. */
  noteRead(): void {
    if (this.#pending.size === 0) return;
    for (const [id, pending] of this.#pending) {
      if (pending.readsLeft <= 0 && pending.visibleAtMs <= this.now()) {
        this.#pending.delete(id);
        this.put(pending.item);
      } else pending.readsLeft -= 1;
    }
  }

  /** The item whether or not it can be read yet. */
  peek(id: string): T | undefined {
    return this.get(id) ?? this.#pending.get(id)?.item;
  }

  /** Everything present, readable or not yet, newest first. */
  present(): readonly T[] {
    if (this.#pending.size === 0) return this.items;
    return [...this.items, ...[...this.#pending.values()].map((p) => p.item)].sort(newestFirst);
  }

  remove(id: string): T | undefined {
    const item = this.peek(id);
    if (item === undefined) return undefined;
    if (!this.#pending.delete(id)) this.#cut(item);
    this.#byId?.delete(id);
    this.#deleted.set(id, item);
    this.#derived.clear();
    return item;
  }

  #mutable(): T[] {
    this.#items ??= this.generate().sort(newestFirst);
    return this.#items;
  }

  #cut(item: T): void {
    const list = this.#mutable();
    const at = indexAfter(list, item) - 1;
    if (list[at]?.id === item.id) list.splice(at, 1);
  }
}
