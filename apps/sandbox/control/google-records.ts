import { z } from 'zod';
import type { SandboxContext } from '../context';
import type { ExercisePoint } from '../google-health/exercise-point';
import type { DataType } from '../google-health/filter';
import { createdPointId } from '../google-health/generate-points';
import { announceChange, type ChangedInterval } from '../google-health/notifications';
import type { WeightPoint } from '../google-health/weight-point';
import { isoSeconds, offsetSecondsAt } from '../local-time';
import type { GoogleHealthAccount } from '../store';
import type { Timed } from '../timed-stream';
import { givenFields } from './given-fields';
import type { RecordEditor } from './record-editor';

const instant = z.iso.datetime({ offset: true });
const origin = z.enum(['scale', 'manual', 'health_connect']);

const weightBodySchema = z.strictObject({
  physicalTime: instant.optional(),
  weightGrams: z.number().positive().optional(),
  origin: origin.optional(),
});

const exerciseBodySchema = z.strictObject({
  startTime: instant.optional(),
  durationS: z.number().int().positive().optional(),
  activeS: z.number().int().positive().optional(),
  exerciseType: z.string().min(1).optional(),
  displayName: z.string().min(1).optional(),
  distanceM: z.number().min(0).nullable().optional(),
  caloriesKcal: z.number().min(0).optional(),
  steps: z.number().int().min(0).nullable().optional(),
  averageHeartRateBpm: z.number().int().positive().nullable().optional(),
  origin: origin.optional(),
});

type WeightBody = z.output<typeof weightBodySchema>;
type ExerciseBody = z.output<typeof exerciseBodySchema>;

const secondsOf = (text: string): number => Math.floor(Date.parse(text) / 1000) * 1000;

export function googleWeightEditor(
  context: SandboxContext,
  account: GoogleHealthAccount,
): RecordEditor<WeightPoint, WeightBody> {
  const merged = (old: WeightPoint, body: WeightBody): WeightPoint => {
    const timeMs = body.physicalTime === undefined ? old.timeMs : secondsOf(body.physicalTime);
    return {
      id: old.id,
      timeMs,
      offsetS: offsetSecondsAt(account.zone, timeMs),
      weightG: body.weightGrams ?? old.weightG,
      origin: body.origin ?? old.origin,
    };
  };
  return {
    bodySchema: weightBodySchema,
    stream: account.weights,
    truthOf: (p, deleted) => ({
      sourceId: p.id,
      deleted,
      at: isoSeconds(p.timeMs),
      offsetS: p.offsetS,
      weightG: p.weightG,
      origin: p.origin,
    }),
    make: (serial, body) =>
      merged(
        {
          id: createdPointId(serial),
          timeMs: nowSeconds(context),
          offsetS: 0,
          weightG: 81_250,
          origin: 'manual',
        },
        body,
      ),
    change: merged,
    ...announcements(context, account, 'weight', (p) => p.timeMs + 1000),
  };
}

export function googleExerciseEditor(
  context: SandboxContext,
  account: GoogleHealthAccount,
): RecordEditor<ExercisePoint, ExerciseBody> {
  const merged = (old: ExercisePoint, body: ExerciseBody): ExercisePoint => {
    const timeMs = body.startTime === undefined ? old.timeMs : secondsOf(body.startTime);
    const activeS = body.activeS ?? Math.min(old.activeS, body.durationS ?? old.activeS);
    return {
      ...withoutJson(old),
      ...givenFields<ExercisePoint>({
        exerciseType: body.exerciseType,
        displayName: body.displayName,
        distanceM: body.distanceM,
        energyKcal: body.caloriesKcal,
        steps: body.steps,
        averageHeartRateBpm: body.averageHeartRateBpm,
        origin: body.origin,
      }),
      timeMs,
      offsetS: offsetSecondsAt(account.zone, timeMs),
      activeS,
      durationS: Math.max(activeS, body.durationS ?? old.durationS),
      updatedMs: nowSeconds(context),
    };
  };
  return {
    bodySchema: exerciseBodySchema,
    stream: account.exercises,
    truthOf: (p, deleted) => ({
      sourceId: p.id,
      deleted,
      startAt: isoSeconds(p.timeMs),
      endAt: isoSeconds(p.timeMs + p.durationS * 1000),
      offsetS: p.offsetS,
      exerciseType: p.exerciseType,
      distanceM: p.distanceM,
      energyKcal: p.energyKcal,
      steps: p.steps,
      averageHeartRateBpm: p.averageHeartRateBpm,
      activeS: p.activeS,
      origin: p.origin,
    }),
    make: (serial, body) =>
      merged(
        { ...BLANK_EXERCISE, id: createdPointId(serial), timeMs: nowSeconds(context) - 3_600_000 },
        body,
      ),
    change: merged,
    ...announcements(context, account, 'exercise', (p) => p.timeMs + p.durationS * 1000),
  };
}

function withoutJson({ listJson: _list, reconcileJson: _merged, ...point }: ExercisePoint): ExercisePoint {
  return point;
}

const BLANK_EXERCISE: Omit<ExercisePoint, 'id' | 'timeMs'> = {
  durationS: 1860,
  activeS: 1830,
  offsetS: 0,
  exerciseType: 'RUNNING',
  displayName: 'Run',
  distanceM: 5012,
  energyKcal: 312.5,
  steps: 4920,
  averageHeartRateBpm: 148,
  origin: 'scale',
  updatedMs: 0,
};

const nowSeconds = (context: SandboxContext): number => Math.floor(context.now() / 1000) * 1000;

function announcements<T extends Timed & { offsetS: number }>(
  context: SandboxContext,
  account: GoogleHealthAccount,
  dataType: DataType,
  endMs: (point: T) => number,
): Pick<RecordEditor<T, unknown>, 'announceCreated' | 'announceChanged' | 'announceDeleted'> {
  const interval = (p: T): ChangedInterval => ({ startMs: p.timeMs, endMs: endMs(p), offsetS: p.offsetS });
  return {
    announceCreated: (made) => announceChange(context, account, dataType, 'UPSERT', [interval(made)]),
    announceChanged: (before, after) =>
      announceChange(
        context,
        account,
        dataType,
        'UPSERT',
        before.timeMs === after.timeMs ? [interval(after)] : [interval(before), interval(after)],
      ),
    announceDeleted: (gone) => announceChange(context, account, dataType, 'DELETE', [interval(gone)]),
  };
}
