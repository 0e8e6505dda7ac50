import { DAY_MS, offsetSecondsAt } from './local-time';
import { createRandom, type Random } from './seed';

/** How much data an account holds. `weights` and `activities` are exact totals spread evenly over the days. */
export interface AccountSize {
  days: number;
  weightsPerDay: number;
  weights?: number | undefined;
  activities?: number | undefined;
}

/** Where an account's data stands in time; all of it is derived from these values and nothing else. */
export interface DataSource {
  seed: string;
  accountName: string;
  accountId: string;
  zone: string;
  size: AccountSize;
  /** Days since 1970 of the newest local day that holds data; it is over everywhere. */
  lastDay: number;
}

/** One place in an account's history for which an item is to be made. */
export interface Place {
  /** Days since 1970 of the local day. */
  day: number;
  /** Position within the day. */
  index: number;
  timeMs: number;
  offsetS: number;
  random: Random;
}

/**
 * Walks an account's days from old to new. A day's values depend on the seed, the account and the date only,
 * never on when the sandbox was started.
 *
 * @param countOn how many items a day holds
 * @param windowS seconds of the local day within which a lone item falls; many items fill the whole day
 */
export function* placesOf(
  source: DataSource,
  kind: string,
  countOn: (dayIndex: number, random: Random) => number,
  windowS: readonly [number, number],
): Generator<Place> {
  for (let dayIndex = 0; dayIndex < source.size.days; dayIndex++) {
    const day = source.lastDay - source.size.days + 1 + dayIndex;
    const random = createRandom(source.seed, source.accountName, kind, day);
    const count = countOn(dayIndex, random);
    const offsetS = offsetSecondsAt(source.zone, day * DAY_MS + DAY_MS / 2);
    const [fromS, toS] = count <= 1 ? windowS : [0, 86_400];
    const slotS = (toS - fromS) / Math.max(1, count);
    for (let index = 0; index < count; index++) {
      const localS = Math.floor(fromS + slotS * (index + 0.1 + 0.8 * random()));
      yield { day, index, timeMs: day * DAY_MS + (localS - offsetS) * 1000, offsetS, random };
    }
  }
}
