import { z } from 'zod';
import { civilDateAt, offsetMinutesOf } from '../../health/civil-time';
import { provenance, type Provenance } from '../../health/records';
import { storableText, toCanonical } from '../contract';

/** Parts that all data points of the Google Health API v4 share (discovery document v4). proto3 JSON: int64 is a string. */
export const wireNumber = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?$/)
    .transform(Number),
]);

/** A proto Duration in seconds: `"1830s"`, `"3065.400s"`, `"-18000s"`. */
export const durationS = z
  .string()
  .regex(/^-?\d+(\.\d+)?s$/)
  .transform((text) => Number(text.slice(0, -1)));

/** An offset from UTC; the bound keeps a garbled one out of the records. */
export const utcOffsetS = durationS.pipe(z.number().min(-64_800).max(64_800));

export const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine((at) => at.getUTCFullYear() >= 1900);

/** The civil date of a CivilDateTime as YYYY-MM-DD. A missing or impossible one is no error: the offset says the same. */
export const civilDate = z
  .object({ date: z.object({ year: z.int(), month: z.int(), day: z.int() }) })
  .transform(({ date: { year, month, day } }) =>
    [String(year).padStart(4, '0'), ...[month, day].map((n) => String(n).padStart(2, '0'))].join('-'),
  )
  .pipe(z.iso.date())
  .nullish()
  .catch(null);

const dataSource = z.object({
  recordingMethod: z.string().nullish(),
  platform: z.string().nullish(),
  device: z.object({ displayName: z.string().nullish() }).nullish(),
  application: z.object({ packageName: z.string().nullish() }).nullish(),
});

export type DataSource = z.infer<typeof dataSource>;

/** `list` names its points `name`, `reconcile` names them `dataPointName` and leaves `dataSource` out. */
export const pointHead = {
  name: z.string().nullish(),
  dataPointName: z.string().nullish(),
  dataSource: dataSource.nullish(),
};

/** The last page can be `{}`, the token absent or empty. */
export const pageOf = <P extends z.ZodType>(point: P) =>
  z.object({ dataPoints: z.array(point).default([]), nextPageToken: z.string().nullish() });

/** Offset in minutes and civil date of an instant: the provider's civil date, else its offset, else UTC. */
export function civilOf(
  at: Date,
  offsetS: number | null | undefined,
  stated: string | null | undefined,
): { offsetMinutes: number | null; localDate: string } {
  const offsetMinutes = typeof offsetS === 'number' ? offsetMinutesOf(offsetS) : null;
  return { offsetMinutes, localDate: stated ?? civilDateAt(at, offsetMinutes ?? 0) };
}

const sourceOf = (source: DataSource | null | undefined): string =>
  source?.device?.displayName || source?.application?.packageName || source?.platform || '';

/**
 * The last segment of the point's resource name, whose first segments hold a numeric user id in some answers and
 * `me` in others. A point without a name has the natural key `<type>|<start instant>|<source>`.
 */
export function sourceIdOf(
  type: string,
  point: {
    name?: string | null | undefined;
    dataPointName?: string | null | undefined;
    dataSource?: DataSource | null | undefined;
  },
  startsAt: Date,
): string {
  const last = (point.dataPointName || point.name || '').split('/').at(-1);
  return storableText(last || [type, startsAt.toISOString(), sourceOf(point.dataSource)].join('|'));
}

/** The platform stands in for the app where neither app nor device is named. */
export function provenanceOf(source: DataSource | null | undefined): Provenance {
  const device = source?.device?.displayName;
  const app = source?.application?.packageName || (device ? null : source?.platform);
  const method = source?.recordingMethod;
  return toCanonical(
    provenance,
    { device, app, sourceType: method, manual: method ? method === 'MANUAL' : null },
    'data source',
  );
}
