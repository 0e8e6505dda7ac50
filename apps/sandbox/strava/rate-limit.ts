import type { StravaLimits } from '../config';

const QUARTER_HOUR_MS = 15 * 60_000;
const DAY_MS = 86_400_000;

interface Usage {
  quarterHour: number;
  day: number;
  overallQuarterHour: number;
  overallDay: number;
  readQuarterHour: number;
  readDay: number;
}

export interface RateDecision {
  headers: Record<string, string>;
  exceeded: 'overall rate limit' | 'read rate limit' | null;
}

/**
 * Counts the requests of each app, all its users together, in natural quarter hours and UTC days
 * (developers.strava.com/docs/rate-limits). Requests over the short limit still count for the day.
 */
export class StravaRateLimit {
  readonly #usage = new Map<string, Usage>();

  constructor(
    public limits: StravaLimits,
    private readonly now: () => number,
  ) {}

  count(clientId: string, isRead: boolean): RateDecision {
    const usage = this.#current(clientId);
    usage.overallQuarterHour += 1;
    usage.overallDay += 1;
    if (isRead) {
      usage.readQuarterHour += 1;
      usage.readDay += 1;
    }
    const { limits } = this;
    const overall =
      usage.overallQuarterHour > limits.overallQuarterHour || usage.overallDay > limits.overallDay;
    const read = isRead && (usage.readQuarterHour > limits.readQuarterHour || usage.readDay > limits.readDay);
    return {
      headers: this.headers(clientId, isRead),
      exceeded: overall ? 'overall rate limit' : read ? 'read rate limit' : null,
    };
  }

  /** Both header pairs. On an answer to a write, the read usage is `,`, as real answers have it. */
  headers(clientId: string, isRead: boolean): Record<string, string> {
    const usage = this.#current(clientId);
    const { limits } = this;
    return {
      'x-ratelimit-limit': `${limits.overallQuarterHour},${limits.overallDay}`,
      'x-ratelimit-usage': `${usage.overallQuarterHour},${usage.overallDay}`,
      'x-readratelimit-limit': `${limits.readQuarterHour},${limits.readDay}`,
      'x-readratelimit-usage': isRead ? `${usage.readQuarterHour},${usage.readDay}` : ',',
    };
  }

  /** The headers of an injected 429: the short limit used up, whatever was really used. */
  usedUpHeaders(): Record<string, string> {
    const { limits } = this;
    return {
      'x-ratelimit-limit': `${limits.overallQuarterHour},${limits.overallDay}`,
      'x-ratelimit-usage': `${limits.overallQuarterHour},${limits.overallQuarterHour}`,
      'x-readratelimit-limit': `${limits.readQuarterHour},${limits.readDay}`,
      'x-readratelimit-usage': `${limits.readQuarterHour + 1},${limits.readQuarterHour + 1}`,
    };
  }

  #current(clientId: string): Usage {
    const quarterHour = Math.floor(this.now() / QUARTER_HOUR_MS);
    const day = Math.floor(this.now() / DAY_MS);
    let usage = this.#usage.get(clientId);
    if (usage === undefined) {
      usage = {
        quarterHour,
        day,
        overallQuarterHour: 0,
        overallDay: 0,
        readQuarterHour: 0,
        readDay: 0,
      };
      this.#usage.set(clientId, usage);
    }
    if (usage.quarterHour !== quarterHour)
      Object.assign(usage, { quarterHour, overallQuarterHour: 0, readQuarterHour: 0 });
    if (usage.day !== day) Object.assign(usage, { day, overallDay: 0, readDay: 0 });
    return usage;
  }
}
