export const DAY_MS = 86_400_000;

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    formatters.set(zone, formatter);
  }
  return formatter;
}

/** Seconds east of UTC of an IANA zone at an instant. */
export function offsetSecondsAt(zone: string, instantMs: number): number {
  const name = formatterOf(zone)
    .formatToParts(instantMs)
    .find((part) => part.type === 'timeZoneName')?.value;
  const match = /GMT([+-])(\d{2}):(\d{2})/.exec(name ?? '');
  if (match === null) return 0;
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60;
  return match[1] === '-' ? -seconds : seconds;
}

/** The offset without daylight saving, as Strava prints it in `timezone`. */
export function standardOffsetSeconds(zone: string): number {
  return Math.min(offsetSecondsAt(zone, Date.UTC(2026, 0, 15)), offsetSecondsAt(zone, Date.UTC(2026, 6, 15)));
}

/** `+01:00` for 3600. */
export function offsetText(seconds: number): string {
  const abs = Math.abs(seconds);
  const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
  return `${seconds < 0 ? '-' : '+'}${two(abs / 3600)}:${two((abs % 3600) / 60)}`;
}

/** RFC 3339 in UTC without fractions of a second. */
export const isoSeconds = (instantMs: number): string => `${new Date(instantMs).toISOString().slice(0, 19)}Z`;
