import { z } from 'zod';
import { provenance, STREAM_SHAPES, type ShapedStream } from '../../../libs/health/records';
import type { StoredRecord, TimeBound } from '../../../libs/db/records-read.repo';
import { idOf, instant, iso, isoOrNull, pageQuery, providerFilter } from '../http/wire';

const timeBound = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be an instant (RFC 3339 with offset) or a date (YYYY-MM-DD)',
  })
  .transform((value): TimeBound => (value.length === 10 ? { date: value } : { instant: new Date(value) }))
  .optional()
  .meta({ type: 'string' });

export const listRecordsQuery = z.strictObject({
  userId: idOf('user').optional().describe("required with a partner's key"),
  from: timeBound.describe(
    "inclusive; an instant (RFC 3339) compares with startsAt, a date with the record's own localDate",
  ),
  to: timeBound.describe('exclusive; as `from`'),
  provider: providerFilter,
  ...pageQuery,
});

const common = {
  id: z.string(),
  version: z.int().describe('raised with every change'),
  userId: z.string(),
  provider: z.string(),
  integrationId: z.string(),
  startsAt: instant,
  endsAt: instant.nullable(),
  offsetMinutes: z.int().nullable().describe('UTC offset that the provider stated'),
  localDate: z.string().meta({ format: 'date' }).describe("the provider's own civil date"),
  provenance,
  updatedAt: instant,
};

const withheld = z
  .array(z.strictObject({ provider: z.string(), reason: z.string() }))
  .describe("providers whose terms keep this user's records from your key");

const pageOfRecords = <T extends z.ZodType>(record: T, id: string) =>
  z.strictObject({ data: z.array(record), nextCursor: z.string().nullable(), withheld }).meta({ id });

export const activityPage = pageOfRecords(
  z.strictObject({ ...common, ...STREAM_SHAPES.activity.content.shape }).meta({ id: 'Activity' }),
  'ActivityPage',
);

export const weightPage = pageOfRecords(
  z.strictObject({ ...common, ...STREAM_SHAPES.weight.content.shape }).meta({ id: 'Weight' }),
  'WeightPage',
);

interface WirePages extends Record<ShapedStream, unknown> {
  activity: z.infer<typeof activityPage>;
  weight: z.infer<typeof weightPage>;
}
export type RecordPage<S extends ShapedStream> = WirePages[S];
export type Withheld = z.infer<typeof withheld>;

/** The stored content's fields stand beside the common ones; it was checked by its stream's shape when written. */
export const recordToWire = (row: StoredRecord) => ({
  id: row.id,
  version: row.version,
  userId: row.userId,
  provider: row.provider,
  integrationId: row.integrationId,
  startsAt: iso(row.startsAt),
  endsAt: isoOrNull(row.endsAt),
  offsetMinutes: row.offsetMinutes,
  localDate: row.localDate,
  ...(row.content as object),
  provenance: row.provenance,
  updatedAt: iso(row.updatedAt),
});
