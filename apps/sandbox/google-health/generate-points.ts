import { type DataSource, placesOf } from '../data-source';
import { hash32, pick, shareOfDay, wholeBetween, type Random } from '../seed';
import type { ExercisePoint } from './exercise-point';
import type { Origin, WeightPoint } from './weight-point';

const POINTS_PER_DAY = 100_000;

const pointId = (day: number, index: number): string => String(day * POINTS_PER_DAY + index);

/** Ids of points made through the control API: above every generated one. */
export const createdPointId = (serial: number): string => String(9_000_000_000_000 + serial);

function originOf(random: Random): Origin {
  const chance = random();
  return chance < 0.75 ? 'scale' : chance < 0.9 ? 'health_connect' : 'manual';
}

/** `size.weightsPerDay` samples a day, or exactly `size.weights`: a slow wave with daily noise. */
export function generateWeights(source: DataSource): WeightPoint[] {
  const { days, weights, weightsPerDay } = source.size;
  const baseG = 58_000 + (hash32(`${source.seed} ${source.accountName} weight`) % 35_000);
  const made: WeightPoint[] = [];
  const places = placesOf(
    source,
    'weight',
    (dayIndex) => (weights === undefined ? weightsPerDay : shareOfDay(weights, days, dayIndex)),
    [6 * 3600, 8.5 * 3600],
  );
  for (const { day, index, timeMs, offsetS, random } of places) {
    const wave = 1500 * Math.sin(day / 40) + 300 * Math.sin(day / 3);
    const weightG = Math.round((baseG + wave + 600 * (random() - 0.5)) / 50) * 50;
    made.push({ id: pointId(day, index), timeMs, offsetS, weightG, origin: originOf(random) });
  }
  return made;
}

interface Kind {
  type: string;
  name: string;
  /** Metres per second; 0 = no distance. */
  speed: number;
  kcalPerMinute: number;
  stepsPerMinute: number;
}

const KINDS: readonly [Kind, ...Kind[]] = [
  { type: 'RUNNING', name: 'Run', speed: 2.7, kcalPerMinute: 10.4, stepsPerMinute: 160 },
  { type: 'WALKING', name: 'Walk', speed: 1.35, kcalPerMinute: 4.2, stepsPerMinute: 110 },
  { type: 'BIKING', name: 'Bike', speed: 6.8, kcalPerMinute: 8.1, stepsPerMinute: 0 },
  { type: 'STRENGTH_TRAINING', name: 'Weights', speed: 0, kcalPerMinute: 5.2, stepsPerMinute: 0 },
  { type: 'YOGA', name: 'Yoga', speed: 0, kcalPerMinute: 2.9, stepsPerMinute: 0 },
];

/** Several sessions a week, or exactly `size.activities`. */
export function generateExercises(source: DataSource): ExercisePoint[] {
  const { days, activities } = source.size;
  const made: ExercisePoint[] = [];
  const places = placesOf(
    source,
    'exercise',
    (dayIndex, random) =>
      activities === undefined ? Number(random() < 0.5) : shareOfDay(activities, days, dayIndex),
    [7 * 3600, 20 * 3600],
  );
  for (const { day, index, timeMs, offsetS, random } of places) {
    const kind = pick(random, KINDS);
    const activeS = wholeBetween(random, 900, 4500);
    const durationS = activeS + wholeBetween(random, 0, 240);
    made.push({
      id: pointId(day, index),
      timeMs,
      durationS,
      activeS,
      offsetS,
      exerciseType: kind.type,
      displayName: kind.name,
      distanceM: kind.speed === 0 ? null : Math.round(kind.speed * activeS * (0.9 + 0.2 * random())),
      energyKcal: Math.round((kind.kcalPerMinute * activeS) / 6) / 10,
      steps: kind.stepsPerMinute === 0 ? null : Math.round((kind.stepsPerMinute * activeS) / 60),
      averageHeartRateBpm: random() < 0.2 ? null : wholeBetween(random, 95, 160),
      origin: originOf(random),
      updatedMs: timeMs + (durationS + 60) * 1000,
    });
  }
  return made;
}
