import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
} from 'drizzle-orm/pg-core';
import type { FailureCode } from '../../core/errors';
import type { ProviderId, StreamName } from '../../core/providers';
import { createdAt, instant } from './columns';
import { apps } from './principals';

/** Outbox, endpoints, deliveries and attempts. */

/** The last sequence number given to an event of a user. */
export const userSequences = pgTable('user_sequences', {
  userId: text('user_id').primaryKey(),
  seq: bigint('seq', { mode: 'number' }).notNull().default(0),
});

/** Outbox: what partners are told. The body is built from the row at send time. */
export const events = pgTable(
  'events',
  {
    id: text('id').primaryKey(),
    type: text('type').notNull(),
    userId: text('user_id').notNull(),
    integrationId: text('integration_id').notNull(),
    provider: text('provider').$type<ProviderId>().notNull(),
    /** Null for events about the integration itself. */
    stream: text('stream').$type<StreamName>(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    recordCount: integer('record_count').notNull().default(0),
    data: jsonb('data').notNull(),
    occurredAt: instant('occurred_at').notNull().defaultNow(),
  },
  (t) => [
    index('events_integration_idx').on(t.integrationId, t.occurredAt),
    unique('events_user_seq').on(t.userId, t.seq),
  ],
);

export type EndpointStatus = 'enabled' | 'paused' | 'disabled';

export const endpoints = pgTable(
  'endpoints',
  {
    id: text('id').primaryKey(),
    appId: text('app_id')
      .notNull()
      .references(() => apps.id),
    url: text('url').notNull(),
    description: text('description'),
    /** Sealed `whsec_…`. */
    secretSealed: text('secret_sealed').notNull(),
    /** Exact types or `<stream>.*` or `*`. */
    eventTypes: text('event_types').array().notNull(),
    payload: text('payload').$type<'thin' | 'full'>().notNull().default('thin'),
    status: text('status').$type<EndpointStatus>().notNull().default('enabled'),
    statusReason: text('status_reason').$type<FailureCode>(),
    shard: smallint('shard').notNull(),
    createdAt: createdAt(),
  },
  (t) => [unique('endpoints_app_url').on(t.appId, t.url), index('endpoints_shard_idx').on(t.shard)],
);

export type DeliveryStatus = 'pending' | 'sending' | 'retrying' | 'delivered' | 'failed' | 'cancelled';

export const deliveries = pgTable(
  'deliveries',
  {
    id: text('id').primaryKey(),
    eventId: text('event_id')
      .notNull()
      .references(() => events.id),
    endpointId: text('endpoint_id')
      .notNull()
      .references(() => endpoints.id),
    userId: text('user_id').notNull(),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    status: text('status').$type<DeliveryStatus>().notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    /** The dispatcher epoch that claimed it; an ack of an older epoch is refused. */
    claimEpoch: bigint('claim_epoch', { mode: 'number' }),
    nextAt: instant('next_at'),
    /** Its standalone activity was started. */
    handedOver: boolean('handed_over').notNull().default(false),
    createdAt: createdAt(),
    completedAt: instant('completed_at'),
  },
  (t) => [
    unique('deliveries_once').on(t.eventId, t.endpointId),
    index('deliveries_pending')
      .on(t.endpointId, t.seq, t.id)
      .where(sql`status = 'pending'`),
    index('deliveries_sending')
      .on(t.endpointId)
      .where(sql`status = 'sending'`),
    index('deliveries_to_hand_over')
      .on(t.endpointId, t.nextAt)
      .where(sql`status = 'retrying' and not handed_over`),
    index('deliveries_handed_over')
      .on(t.endpointId)
      .where(sql`status = 'retrying' and handed_over`),
  ],
);

export const attempts = pgTable(
  'attempts',
  {
    deliveryId: text('delivery_id')
      .notNull()
      .references(() => deliveries.id),
    number: integer('number').notNull(),
    startedAt: instant('started_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** Null when no HTTP answer came. */
    statusCode: integer('status_code'),
    /** A short public word for what went wrong, null on success. */
    error: text('error'),
    responseExcerpt: text('response_excerpt'),
  },
  (t) => [primaryKey({ columns: [t.deliveryId, t.number] })],
);

/** One row per webhook dispatcher shard; a new dispatcher raises the epoch and so fences the old one. */
export const dispatchShards = pgTable('dispatch_shards', {
  shard: smallint('shard').primaryKey(),
  epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
});
