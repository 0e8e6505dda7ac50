import { type DataSource, placesOf } from '../data-source';
import { DAY_MS } from '../local-time';
import { pick, shareOfDay, wholeBetween } from '../seed';
import type { StravaActivity } from './activity';

interface Sport {
  type: string;
  name: string;
  /** Metres per second; 0 = no distance. */
  speed: number;
  kcalPerMinute: number;
}

const SPORTS: readonly [Sport, ...Sport[]] = [
  { type: 'Run', name: 'Morning Run', speed: 2.8, kcalPerMinute: 11 },
  { type: 'TrailRun', name: 'Forest loop', speed: 2.4, kcalPerMinute: 12 },
  { type: 'Ride', name: 'Evening Ride', speed: 7.1, kcalPerMinute: 9 },
  { type: 'GravelRide', name: 'Gravel tour', speed: 6.2, kcalPerMinute: 10 },
  { type: 'Walk', name: 'Lunch Walk', speed: 1.4, kcalPerMinute: 4.5 },
  { type: 'Hike', name: 'Hill hike', speed: 1.1, kcalPerMinute: 6.5 },
  { type: 'Swim', name: 'Pool swim', speed: 0.8, kcalPerMinute: 9.5 },
  { type: 'WeightTraining', name: 'Strength', speed: 0, kcalPerMinute: 5.5 },
  { type: 'Yoga', name: 'Yoga', speed: 0, kcalPerMinute: 3 },
];

const FIRST_DAY = Date.UTC(2000, 0, 1) / DAY_MS;
const ACTIVITIES_PER_DAY = 2000;
const ATHLETE_SLOTS = 100_000;

/** Ids beyond 2^31, unique per athlete, the same for the same day and position. */
const activityId = (athleteId: string, day: number, index: number): string =>
  String(
    ((day - FIRST_DAY) * ACTIVITIES_PER_DAY + index) * ATHLETE_SLOTS + (Number(athleteId) % ATHLETE_SLOTS),
  );

/** Ids of activities made through the control API: above every generated one. */
export const createdActivityId = (serial: number): string => String(9_000_000_000_000 + serial);

/** Several activities a week, or exactly `size.activities`, of many sports, devices and origins. */
export function generateActivities(source: DataSource): StravaActivity[] {
  const { days, activities } = source.size;
  const made: StravaActivity[] = [];
  const places = placesOf(
    source,
    'strava activity',
    (dayIndex, random) =>
      activities === undefined ? Number(random() < 0.55) : shareOfDay(activities, days, dayIndex),
    [6 * 3600, 19 * 3600],
  );
  for (const { day, index, timeMs, offsetS, random } of places) {
    const sport = pick(random, SPORTS);
    const movingTimeS = wholeBetween(random, 1200, 5400);
    const isManual = random() < 0.08;
    const origin = pick(random, ['garmin', 'wahoo', 'healthkit', 'phone'] as const);
    const id = activityId(source.accountId, day, index);
    made.push({
      id,
      timeMs,
      name: sport.name,
      sportType: sport.type,
      distanceM: Math.round(sport.speed * movingTimeS * (0.9 + 0.2 * random()) * 10) / 10,
      movingTimeS,
      elapsedTimeS: movingTimeS + wholeBetween(random, 0, 300),
      elevationGainM: sport.speed === 0 ? 0 : wholeBetween(random, 0, 400),
      averageHeartRateBpm: isManual || random() < 0.15 ? null : wholeBetween(random, 980, 1650) / 10,
      energyKcal: Math.round((sport.kcalPerMinute * movingTimeS) / 6) / 10,
      description: random() < 0.2 ? 'easy' : '',
      isPrivate: random() < 0.06,
      isManual,
      device: isManual || random() < 0.2 ? null : DEVICES[origin],
      externalId: isManual ? null : externalIdOf(origin, id),
      zone: source.zone,
      offsetS,
      athleteId: source.accountId,
    });
  }
  return made;
}

type Origin = 'garmin' | 'wahoo' | 'healthkit' | 'phone';

const DEVICES: Readonly<Record<Origin, string>> = {
  garmin: 'Garmin Forerunner 255',
  wahoo: 'Wahoo ELEMNT BOLT',
  healthkit: 'Apple Watch Series 9',
  phone: 'Strava Android App',
};

/** `external_id` often tells where an activity came from. */
function externalIdOf(origin: Origin, id: string): string {
  switch (origin) {
    case 'garmin':
      return `garmin_ping_${id}`;
    case 'wahoo':
      return `${id}-ELEMNT_BOLT.fit`;
    case 'healthkit':
      return `${id.padStart(12, '0')}-4C1B-4E0A-9F00-6B2D5A1C7E90.healthkit`.toUpperCase();
    case 'phone':
      return `${id}.gpx`;
  }
}
