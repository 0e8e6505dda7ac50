import { z } from 'zod';
import { AppError } from '../../core/errors';
import { civilDateAt, offsetMinutesOf } from '../../health/civil-time';
import { activityContent, provenance, type RecordDraft } from '../../health/records';
import { toCanonical } from '../contract';

const text = z.string().nullish();
const number = z.number().nullish();
const instant = z.iso.datetime({ offset: true }).nullish();

/**
 * SummaryActivity (swagger of developers.strava.com). Keys are left out as often as they are null,
 * so every field but `id` is optional and nullable. Ids exceed 2^31; one beyond 2^53 must come as text.
 */
const summaryActivity = z.object({
  id: z.union([z.int().positive(), z.string().regex(/^\d+$/)]),
  name: text,
  type: text,
  sport_type: text,
  start_date: instant,
  /** The local wall time with a fake `Z`: only its first 10 characters, the civil date, are ever used. */
  start_date_local: z
    .string()
    .transform((wallTime) => wallTime.slice(0, 10))
    .pipe(z.iso.date())
    .nullish(),
  utc_offset: z.number().min(-64_800).max(64_800).nullish(),
  /** The bound, ten years, keeps a garbled one from leaving the range of dates. */
  elapsed_time: z.number().min(0).max(315_360_000).nullish(),
  moving_time: number,
  distance: number,
  total_elevation_gain: number,
  average_speed: number,
  max_speed: number,
  average_heartrate: number,
  max_heartrate: number,
  kilojoules: number,
  external_id: text,
  device_name: text,
  manual: z.boolean().nullish(),
});

export type SummaryActivity = z.infer<typeof summaryActivity>;

/** The answer of `GET /athlete/activities`. */
export const activityPage = z.array(summaryActivity);

function localDateOf(activity: SummaryActivity, startsAt: Date, offsetMinutes: number | null): string {
  if (activity.start_date_local) return activity.start_date_local;
  if (offsetMinutes !== null) return civilDateAt(startsAt, offsetMinutes);
  throw new AppError('provider_bad_data', 'A Strava activity has neither a local date nor an offset');
}

/**
 * One SummaryActivity (m, s, m/s, bpm, kJ) as a draft. Summaries carry no calories and no modified time.
 * `timezone` is not read: its GMT text is the standard offset, `utc_offset` (seconds) includes daylight saving.
 *
 * @throws AppError `provider_bad_data` when the activity has no start
 */
export function toActivity(activity: SummaryActivity): RecordDraft {
  if (!activity.start_date) {
    throw new AppError('provider_bad_data', 'A Strava activity has no start');
  }
  const startsAt = new Date(activity.start_date);
  const offsetMinutes = typeof activity.utc_offset === 'number' ? offsetMinutesOf(activity.utc_offset) : null;
  const elapsedS = activity.elapsed_time;
  return {
    sourceId: String(activity.id),
    startsAt,
    endsAt: typeof elapsedS === 'number' ? new Date(startsAt.getTime() + elapsedS * 1000) : null,
    offsetMinutes,
    localDate: localDateOf(activity, startsAt, offsetMinutes),
    modifiedAt: null,
    content: toCanonical(
      activityContent,
      {
        // `type` is the deprecated word of before 2022.
        sport: activity.sport_type || activity.type || 'unknown',
        title: activity.name,
        movingTimeS: activity.moving_time,
        elapsedTimeS: elapsedS,
        distanceM: activity.distance,
        elevationGainM: activity.total_elevation_gain,
        averageSpeedMPerS: activity.average_speed,
        maxSpeedMPerS: activity.max_speed,
        averageHeartRateBpm: activity.average_heartrate,
        maxHeartRateBpm: activity.max_heartrate,
        workKj: activity.kilojoules,
      },
      'activity',
    ),
    provenance: toCanonical(
      provenance,
      {
        externalId: activity.external_id,
        device: activity.device_name,
        manual: activity.manual,
      },
      'activity source',
    ),
  };
}
