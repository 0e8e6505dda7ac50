import { z } from 'zod';
import { activityContent, type RecordDraft } from '../../health/records';
import { toCanonical } from '../contract';
import {
  civilDate,
  civilOf,
  durationS,
  instant,
  pageOf,
  pointHead,
  provenanceOf,
  sourceIdOf,
  utcOffsetS,
  wireNumber,
} from './wire';

const metricsSummary = z.object({
  caloriesKcal: wireNumber.nullish(),
  distanceMillimeters: wireNumber.nullish(),
  steps: wireNumber.nullish(),
  averageHeartRateBeatsPerMinute: wireNumber.nullish(),
  averageSpeedMillimetersPerSecond: wireNumber.nullish(),
  elevationGainMillimeters: wireNumber.nullish(),
});

const exercisePoint = z.object({
  ...pointHead,
  exercise: z.object({
    /** proto3 JSON leaves a default enum value out, and the default is EXERCISE_TYPE_UNSPECIFIED. */
    exerciseType: z.string().nullish(),
    displayName: z.string().nullish(),
    activeDuration: durationS.nullish(),
    interval: z.object({
      startTime: instant,
      startUtcOffset: utcOffsetS.nullish(),
      endTime: instant.nullish(),
      /** Left out of real answers as a rule, present in a few. */
      civilStartTime: civilDate,
    }),
    metricsSummary: metricsSummary.nullish(),
    updateTime: instant.nullish(),
  }),
});

/** The answer of `GET /v4/users/me/dataTypes/exercise/dataPoints:reconcile`. */
export const exercisePage = pageOf(exercisePoint);

const thousandth = (value: number | null | undefined): number | null =>
  typeof value === 'number' ? value / 1000 : null;

/**
 * One exercise session: mm → m, mm/s → m/s, durations in s, `caloriesKcal` as unqualified energy,
 * `exerciseType` kept raw. `updateTime` is the modified time.
 */
export function toActivity(point: z.infer<typeof exercisePoint>): RecordDraft {
  const { exercise } = point;
  const { interval, metricsSummary: metrics } = exercise;
  const startsAt = interval.startTime;
  const endsAt = interval.endTime ?? null;
  return {
    sourceId: sourceIdOf('exercise', point, startsAt),
    startsAt,
    endsAt,
    ...civilOf(startsAt, interval.startUtcOffset, interval.civilStartTime),
    modifiedAt: exercise.updateTime ?? null,
    content: toCanonical(
      activityContent,
      {
        sport: exercise.exerciseType || 'EXERCISE_TYPE_UNSPECIFIED',
        title: exercise.displayName,
        movingTimeS: exercise.activeDuration,
        elapsedTimeS: endsAt && (endsAt.getTime() - startsAt.getTime()) / 1000,
        distanceM: thousandth(metrics?.distanceMillimeters),
        elevationGainM: thousandth(metrics?.elevationGainMillimeters),
        averageSpeedMPerS: thousandth(metrics?.averageSpeedMillimetersPerSecond),
        averageHeartRateBpm: metrics?.averageHeartRateBeatsPerMinute,
        steps: metrics?.steps,
        energyKcal: metrics?.caloriesKcal,
      },
      'exercise',
    ),
    provenance: provenanceOf(point.dataSource),
  };
}
