import { date, index, integer, jsonb, pgTable, smallint, text, unique } from 'drizzle-orm/pg-core';
import type { ProviderId, StreamName } from '../../core/providers';
import { createdAt, instant } from './columns';

/** The health history. */

/** One canonical data item. `content` is checked by the stream's shape in libs/health/records.ts. */
export const records = pgTable(
  'records',
  {
    id: text('id').primaryKey(),
    integrationId: text('integration_id').notNull(),
    userId: text('user_id').notNull(),
    provider: text('provider').$type<ProviderId>().notNull(),
    stream: text('stream').$type<StreamName>().notNull(),
    sourceId: text('source_id').notNull(),
    version: integer('version').notNull(),
    contentHash: text('content_hash').notNull(),
    hashVersion: smallint('hash_version').notNull(),
    /** The provider's modified time, else the database instant at which the request began. */
    orderAt: instant('order_at').notNull(),
    startsAt: instant('starts_at').notNull(),
    endsAt: instant('ends_at'),
    offsetMinutes: integer('offset_minutes'),
    localDate: date('local_date', { mode: 'string' }).notNull(),
    content: jsonb('content').notNull(),
    provenance: jsonb('provenance').notNull(),
    deletedAt: instant('deleted_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    unique('records_identity').on(t.integrationId, t.stream, t.sourceId),
    index('records_user_time').on(t.userId, t.stream, t.startsAt, t.id),
  ],
);
