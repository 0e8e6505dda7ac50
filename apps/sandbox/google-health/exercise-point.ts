import { isoSeconds } from '../local-time';
import type { Timed } from '../timed-stream';
import { DATA_SOURCES, type Origin } from './weight-point';

/** One exercise session, in our words. Distances in m, times in s. */
export interface ExercisePoint extends Timed {
  readonly id: string;
  /** Start of the session. */
  readonly timeMs: number;
  readonly durationS: number;
  readonly activeS: number;
  readonly offsetS: number;
  readonly exerciseType: string;
  readonly displayName: string;
  readonly distanceM: number | null;
  readonly energyKcal: number;
  readonly steps: number | null;
  readonly averageHeartRateBpm: number | null;
  readonly origin: Origin;
  readonly updatedMs: number;
  listJson?: string;
  reconcileJson?: string;
}

/** int64 fields are strings, doubles are numbers, absent metrics are absent; intervals have no civil times. */
function exerciseOf(p: ExercisePoint): Record<string, unknown> {
  const offset = `${p.offsetS}s`;
  return {
    exerciseType: p.exerciseType,
    displayName: p.displayName,
    activeDuration: `${p.activeS}s`,
    interval: {
      startTime: isoSeconds(p.timeMs),
      startUtcOffset: offset,
      endTime: isoSeconds(p.timeMs + p.durationS * 1000),
      endUtcOffset: offset,
    },
    metricsSummary: {
      caloriesKcal: p.energyKcal,
      ...(p.distanceM === null
        ? {}
        : {
            distanceMillimeters: Math.round(p.distanceM * 1000),
            averageSpeedMillimetersPerSecond: Math.round((p.distanceM * 1000) / Math.max(1, p.activeS)),
          }),
      ...(p.steps === null ? {} : { steps: String(p.steps) }),
      ...(p.averageHeartRateBpm === null
        ? {}
        : { averageHeartRateBeatsPerMinute: String(p.averageHeartRateBpm), activeZoneMinutes: '42' }),
    },
    exerciseMetadata: p.distanceM === null ? {} : { hasGps: true },
    createTime: isoSeconds(p.timeMs + p.durationS * 1000),
    updateTime: isoSeconds(p.updatedMs),
  };
}

export function exerciseListJson(point: ExercisePoint, userId: string): string {
  point.listJson ??= `{"name":"users/${userId}/dataTypes/exercise/dataPoints/${point.id}","dataSource":${DATA_SOURCES[point.origin]},"exercise":${JSON.stringify(exerciseOf(point))}}`;
  return point.listJson;
}

export function exerciseReconcileJson(point: ExercisePoint, userId: string): string {
  point.reconcileJson ??= `{"dataPointName":"users/${userId}/dataTypes/exercise/dataPoints/${point.id}","exercise":${JSON.stringify(exerciseOf(point))}}`;
  return point.reconcileJson;
}
