/** Minutes of an offset in the provider's seconds, e.g. 3600 → 60. */
export const offsetMinutesOf = (offsetS: number): number => Math.round(offsetS / 60);

/** Civil date (YYYY-MM-DD) of an instant at a stated offset. */
export const civilDateAt = (instant: Date, offsetMinutes: number): string =>
  new Date(instant.getTime() + offsetMinutes * 60_000).toISOString().slice(0, 10);
