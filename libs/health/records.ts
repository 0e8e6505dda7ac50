import { z } from 'zod';
import type { StreamName } from '../core/providers';

/**
 * Canonical content of one record per stream. SI units, the unit in the name; absent means unknown, never zero.
 * `decimals` declares to how many places each number counts: the content hash rounds to it, so that
 * a provider's float noise is not a change.
 */
export const weightContent = z.strictObject({
  weightKg: z.number().positive().max(1000),
  bodyFatPercent: z.number().min(0).max(100).optional(),
});

export const activityContent = z.strictObject({
  /** The provider's own word, kept raw: Strava's `TrailRun`, Google's `RUNNING`. */
  sport: z.string(),
  title: z.string().optional(),
  movingTimeS: z.number().nonnegative().optional(),
  elapsedTimeS: z.number().nonnegative().optional(),
  distanceM: z.number().nonnegative().optional(),
  elevationGainM: z.number().optional(),
  averageSpeedMPerS: z.number().nonnegative().optional(),
  maxSpeedMPerS: z.number().nonnegative().optional(),
  averageHeartRateBpm: z.number().nonnegative().optional(),
  maxHeartRateBpm: z.number().nonnegative().optional(),
  steps: z.number().int().nonnegative().optional(),
  /** Energy the provider calls total or does not qualify; active energy has a field of its own. */
  energyKcal: z.number().nonnegative().optional(),
  activeEnergyKcal: z.number().nonnegative().optional(),
  workKj: z.number().nonnegative().optional(),
});

type RecordContent = z.infer<typeof weightContent> | z.infer<typeof activityContent>;

export interface StreamShape {
  content: z.ZodType;
  decimals: Readonly<Record<string, number>>;
  /** Events of a dense stream carry a count and a range, no list of records. */
  dense: boolean;
}

/** Streams whose canonical shape exists; a stream enters the product with its entry here. */
export const STREAM_SHAPES = {
  weight: { content: weightContent, decimals: { weightKg: 3, bodyFatPercent: 2 }, dense: false },
  activity: {
    content: activityContent,
    decimals: {
      movingTimeS: 0,
      elapsedTimeS: 0,
      distanceM: 1,
      elevationGainM: 1,
      averageSpeedMPerS: 3,
      maxSpeedMPerS: 3,
      averageHeartRateBpm: 1,
      maxHeartRateBpm: 1,
      steps: 0,
      energyKcal: 1,
      activeEnergyKcal: 1,
      workKj: 1,
    },
    dense: false,
  },
} as const satisfies Partial<Record<StreamName, StreamShape>>;

export type ShapedStream = keyof typeof STREAM_SHAPES;

/** Where a record came from, as far as the provider says. */
export const provenance = z.strictObject({
  device: z.string().optional(),
  app: z.string().optional(),
  /** The provider's own word for how it was recorded, e.g. `MANUAL`, `PASSIVELY_MEASURED`. */
  sourceType: z.string().optional(),
  manual: z.boolean().optional(),
  /** The provider's hint to the original record elsewhere, e.g. Strava's `garmin_ping_…`. */
  externalId: z.string().optional(),
});

export type Provenance = z.infer<typeof provenance>;

/**
 * One data item as a connector maps it, before it has an id and a version.
 * `startsAt`/`endsAt` are instants; `offsetMinutes` is the offset that the provider stated (null when it stated none);
 * `localDate` (YYYY-MM-DD) is the provider's own civil date, never computed through a clock of ours.
 */
export interface RecordDraft {
  /** The provider's id, or the natural key its connector documents. */
  sourceId: string;
  startsAt: Date;
  endsAt: Date | null;
  offsetMinutes: number | null;
  localDate: string;
  /** The provider's modified time; null where it has none (then the instant of the request orders writes). */
  modifiedAt: Date | null;
  content: RecordContent;
  provenance: Provenance;
}
