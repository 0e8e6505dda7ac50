/**
 * CLOCK_MONOTONIC in ms. All processes of a machine read the same clock (clock_gettime(2)), so that a time taken by the
 * loader and one taken by the receiver can be subtracted, and a step of the wall clock moves neither.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** The value below which `share` (0 to 1) of the values lie (nearest rank); 0 when there are none. */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  if (ascending.length === 0) return 0;
  const rank = Math.min(ascending.length, Math.max(1, Math.ceil(ascending.length * share)));
  return ascending[rank - 1]!;
}

/** `value` with so many digits after the point. */
export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));
