import { z } from 'zod';
import { weightContent, type RecordDraft } from '../../health/records';
import { toCanonical } from '../contract';
import {
  civilDate,
  civilOf,
  instant,
  pageOf,
  pointHead,
  provenanceOf,
  sourceIdOf,
  utcOffsetS,
  wireNumber,
} from './wire';

const weightPoint = z.object({
  ...pointHead,
  weight: z.object({
    weightGrams: wireNumber,
    sampleTime: z.object({ physicalTime: instant, utcOffset: utcOffsetS.nullish(), civilTime: civilDate }),
  }),
});

/** The answer of `GET /v4/users/me/dataTypes/weight/dataPoints:reconcile`. */
export const weightPage = pageOf(weightPoint);

/** One weight sample, grams → kg. The API states no modified time for samples. */
export function toWeight(point: z.infer<typeof weightPoint>): RecordDraft {
  const { weightGrams, sampleTime } = point.weight;
  const startsAt = sampleTime.physicalTime;
  return {
    sourceId: sourceIdOf('weight', point, startsAt),
    startsAt,
    endsAt: null,
    ...civilOf(startsAt, sampleTime.utcOffset, sampleTime.civilTime),
    modifiedAt: null,
    content: toCanonical(weightContent, { weightKg: weightGrams / 1000 }, 'weight'),
    provenance: provenanceOf(point.dataSource),
  };
}
