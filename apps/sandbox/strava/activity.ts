import { isoSeconds, offsetText, standardOffsetSeconds } from '../local-time';
import { hash32 } from '../seed';
import type { Timed } from '../timed-stream';

/** One activity, in our words; rendered in Strava's by the functions below. Distances in m, times in s. */
export interface StravaActivity extends Timed {
  readonly id: string;
  readonly timeMs: number;
  name: string;
  sportType: string;
  distanceM: number;
  movingTimeS: number;
  elapsedTimeS: number;
  elevationGainM: number;
  averageHeartRateBpm: number | null;
  energyKcal: number;
  description: string;
  isPrivate: boolean;
  isManual: boolean;
  device: string | null;
  externalId: string | null;
  zone: string;
  offsetS: number;
  athleteId: string;
  /** The list form, rendered once. */
  summaryJson?: string;
}

/** The old `type` of a `sport_type`, as Strava still sends both. */
const LEGACY_TYPES: Readonly<Record<string, string>> = {
  TrailRun: 'Run',
  MountainBikeRide: 'Ride',
  GravelRide: 'Ride',
  HighIntensityIntervalTraining: 'Workout',
};

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/**
 * A SummaryActivity (strava_swagger.json). Keys are absent rather than null where real lists omit them;
 * `start_date_local` is local wall time with a false `Z`.
 */
function summaryOf(a: StravaActivity): Record<string, unknown> {
  const variant = hash32(a.id) % 4;
  const speed = a.movingTimeS > 0 ? a.distanceM / a.movingTimeS : 0;
  const hr = a.averageHeartRateBpm;
  return {
    resource_state: 2,
    athlete: { id: Number(a.athleteId), resource_state: 1 },
    name: a.name,
    distance: round(a.distanceM, 1),
    moving_time: a.movingTimeS,
    elapsed_time: a.elapsedTimeS,
    total_elevation_gain: round(a.elevationGainM, 1),
    type: LEGACY_TYPES[a.sportType] ?? a.sportType,
    sport_type: a.sportType,
    ...(a.sportType.endsWith('Run') ? { workout_type: null } : {}),
    id: Number(a.id),
    start_date: isoSeconds(a.timeMs),
    start_date_local: isoSeconds(a.timeMs + a.offsetS * 1000),
    timezone: `(GMT${offsetText(standardOffsetSeconds(a.zone))}) ${a.zone}`,
    utc_offset: a.offsetS,
    location_city: null,
    achievement_count: 0,
    kudos_count: variant,
    trainer: false,
    commute: false,
    manual: a.isManual,
    private: a.isPrivate,
    ...(variant === 1 ? {} : { visibility: a.isPrivate ? 'only_me' : 'everyone' }),
    flagged: false,
    ...(variant === 2 ? {} : { gear_id: null }),
    average_speed: round(speed, 3),
    max_speed: round(speed * 1.4, 3),
    ...(a.device !== null && a.sportType.endsWith('Run') ? { average_cadence: 80 + variant } : {}),
    ...(a.sportType.endsWith('Ride') ? { kilojoules: round(a.energyKcal * 0.98, 1) } : {}),
    ...(a.device === null ? {} : { device_name: a.device }),
    has_heartrate: hr !== null,
    ...(hr === null ? {} : { average_heartrate: hr, max_heartrate: Math.round(hr * 1.15) }),
    ...(a.externalId === null ? {} : { external_id: a.externalId, upload_id: Number(a.id) - 7 }),
    total_photo_count: 0,
    has_kudoed: false,
  };
}

/** The list form as text, rendered once per activity. */
export function summaryJsonOf(activity: StravaActivity): string {
  activity.summaryJson ??= JSON.stringify(summaryOf(activity));
  return activity.summaryJson;
}

/** A DetailedActivity: what lists lack, above all `calories` and `description`. */
export function detailOf(a: StravaActivity): Record<string, unknown> {
  return {
    ...summaryOf(a),
    resource_state: 3,
    description: a.description === '' ? null : a.description,
    calories: round(a.energyKcal, 1),
    laps: [],
    segment_efforts: [],
    embed_token: `sandbox${a.id}`,
    hide_from_home: false,
    ...(a.sportType.endsWith('Run') ? { best_efforts: [] } : {}),
    available_zones: a.averageHeartRateBpm === null ? [] : ['heartrate'],
  };
}

export const STREAM_KEYS = [
  'time',
  'distance',
  'latlng',
  'altitude',
  'velocity_smooth',
  'heartrate',
  'cadence',
  'watts',
  'temp',
  'moving',
  'grade_smooth',
] as const;

/** The samples of one key, every ten seconds; undefined when the activity has none. */
export function samplesOf(a: StravaActivity, key: string): unknown[] | undefined {
  const length = Math.min(2000, Math.floor(a.elapsedTimeS / 10) + 1);
  const at = (value: (i: number) => unknown): unknown[] => Array.from({ length }, (_, i) => value(i));
  switch (key) {
    case 'time':
      return at((i) => i * 10);
    case 'distance':
      return at((i) => round((a.distanceM * i) / Math.max(1, length - 1), 1));
    case 'velocity_smooth':
      return at(() => round(a.distanceM / Math.max(1, a.movingTimeS), 2));
    case 'moving':
      return at(() => true);
    case 'heartrate': {
      const hr = a.averageHeartRateBpm;
      return hr === null ? undefined : at((i) => Math.round(hr + 12 * Math.sin(i / 9)));
    }
    default:
      return undefined;
  }
}
