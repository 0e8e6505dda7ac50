import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { FailureCode } from '../../core/errors';
import type { ProviderId, StreamName } from '../../core/providers';
import { createdAt, instant } from './columns';
import { apps } from './principals';

/**
 * Outbox, endpoints, deliveries and attempts. `events`, `deliveries` and `attempts` are partitioned by `day`, the UTC day
 * inside the event's UUIDv7, which drizzle cannot declare: migration 0001 does. A delivery's id carries the time of its
 * event, so every id tells its partition (`idDay` in libs/core/ids).
 */

/** The last sequence number given to an event of a user. */
export const userSequences = pgTable('user_sequences', {
  userId: text('user_id').primaryKey(),
  seq: bigint('seq', { mode: 'number' }).notNull().default(0),
});

const day = () => date('day', { mode: 'string' }).notNull();

/** Outbox: what partners are told. The body is built from the row at send time. */
export const events = pgTable(
  'events',
  {
    day: day(),
    id: text('id').notNull(),
    type: text('type').notNull(),
    /** Set for events about an app itself (`endpoint.*`), which have no user. */
    appId: text('app_id'),
    userId: text('user_id'),
    integrationId: text('integration_id'),
    provider: text('provider').$type<ProviderId>(),
    /** Null for events that are not about records. */
    stream: text('stream').$type<StreamName>(),
    /** The event's place in its user's order; null for events of an app. */
    seq: bigint('seq', { mode: 'number' }),
    recordCount: integer('record_count').notNull().default(0),
    data: jsonb('data').notNull(),
    occurredAt: instant('occurred_at').notNull().defaultNow(),
    /** The event's place in the feed, given after COMMIT. */
    feedSeq: bigint('feed_seq', { mode: 'number' }),
  },
  (t) => [
    primaryKey({ columns: [t.day, t.id] }),
    index('events_feed')
      .on(t.feedSeq)
      .where(sql`feed_seq is not null`),
    index('events_not_in_feed')
      .on(t.occurredAt, t.seq)
      .where(sql`feed_seq is null`),
  ],
);

export type EndpointStatus = 'enabled' | 'paused' | 'disabled';
export type EndpointHealth = 'healthy' | 'degraded';

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
    /** The secret before the last rotation; signs too until then. */
    previousSecretSealed: text('previous_secret_sealed'),
    previousSecretUntil: instant('previous_secret_until'),
    /** Exact types or `<stream>.*` or `*`. */
    eventTypes: text('event_types').array().notNull(),
    /** Only events of these users; null: of every user that granted. */
    userIds: text('user_ids').array(),
    payload: text('payload').$type<'thin' | 'full'>().notNull().default('thin'),
    /** Deliveries one after the other, in order; a failed one holds up the rest. */
    fifo: boolean('fifo').notNull().default(false),
    /** First attempts per second; null: no limit of its own. */
    ratePerS: integer('rate_per_s'),
    /** Sealed JSON object: headers of the partner's own. */
    headersSealed: text('headers_sealed'),
    status: text('status').$type<EndpointStatus>().notNull().default('enabled'),
    statusReason: text('status_reason').$type<FailureCode>(),
    /** Degraded: sent nothing but probes until one arrives. */
    health: text('health').$type<EndpointHealth>().notNull().default('healthy'),
    consecutiveFailures: integer('consecutive_failures').notNull().default(0),
    /** The first failure since the last success. */
    failingSince: instant('failing_since'),
    probes: integer('probes').notNull().default(0),
    nextProbeAt: instant('next_probe_at'),
    /** The last time span in which deliveries had to wait for the endpoint: paused, disabled or degraded. */
    heldFrom: instant('held_from'),
    heldUntil: instant('held_until'),
    /** What waited while it was held is sent at a bounded rate. */
    draining: boolean('draining').notNull().default(false),
    /** The last CloudEvents handshake it answered. */
    handshakeAt: instant('handshake_at'),
    shard: smallint('shard').notNull(),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    disabledAt: instant('disabled_at'),
    deletedAt: instant('deleted_at'),
  },
  (t) => [
    uniqueIndex('endpoints_app_url')
      .on(t.appId, t.url)
      .where(sql`deleted_at is null`),
    index('endpoints_shard_idx').on(t.shard),
  ],
);

export type DeliveryStatus = 'pending' | 'retrying' | 'paused' | 'delivered' | 'failed' | 'cancelled';

/**
 * The ledger: one row per (event, endpoint). `pending` rows are the dispatcher's, which claims them in memory only;
 * `retrying` rows are those of their standalone activity.
 */
export const deliveries = pgTable(
  'deliveries',
  {
    day: day(),
    id: text('id').notNull(),
    eventId: text('event_id').notNull(),
    endpointId: text('endpoint_id').notNull(),
    userId: text('user_id'),
    seq: bigint('seq', { mode: 'number' }),
    status: text('status').$type<DeliveryStatus>().notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    /** Attempts made before the present schedule began: resend and replay start it anew. */
    scheduleFrom: integer('schedule_from').notNull().default(0),
    /** Its place among the endpoint's pending rows, then `seq`. */
    queuedAt: instant('queued_at').notNull(),
    nextAt: instant('next_at'),
    /** Its standalone activity was started and has not ended. */
    handedOver: boolean('handed_over').notNull().default(false),
    /** Stands in the service level: it was committed to an enabled endpoint. */
    counted: boolean('counted').notNull(),
    /** An attempt came later than promised, and the endpoint was not the reason. */
    late: boolean('late').notNull().default(false),
    createdAt: createdAt(),
    firstAttemptAt: instant('first_attempt_at'),
    /** The first success; a later resend does not change it. */
    deliveredAt: instant('delivered_at'),
    completedAt: instant('completed_at'),
  },
  (t) => [
    primaryKey({ columns: [t.day, t.id] }),
    unique('deliveries_once').on(t.day, t.endpointId, t.eventId),
    index('deliveries_pending')
      .on(t.endpointId, t.queuedAt, t.seq, t.id)
      .where(sql`status = 'pending'`),
    index('deliveries_retrying')
      .on(t.endpointId, t.nextAt)
      .where(sql`status = 'retrying'`),
    index('deliveries_not_sent')
      .on(t.endpointId, t.eventId)
      .where(sql`status in ('failed', 'cancelled', 'paused')`),
    index('deliveries_handed_over')
      .on(t.nextAt)
      .where(sql`handed_over`),
  ],
);

export const attempts = pgTable(
  'attempts',
  {
    day: day(),
    deliveryId: text('delivery_id').notNull(),
    number: integer('number').notNull(),
    startedAt: instant('started_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    /** Null when no HTTP answer came. */
    statusCode: integer('status_code'),
    /** A short public word for what went wrong, null on success. */
    error: text('error'),
    responseExcerpt: text('response_excerpt'),
  },
  (t) => [primaryKey({ columns: [t.day, t.deliveryId, t.number] })],
);

/**
 * Who dispatches the endpoints of a shard. A new dispatcher writes its epoch and so fences the one before it; `sleeping`
 * asks publishers for a NOTIFY.
 */
export const dispatchShards = pgTable('dispatch_shards', {
  shard: smallint('shard').primaryKey(),
  epoch: bigint('epoch', { mode: 'number' }).notNull().default(0),
  sleeping: boolean('sleeping').notNull().default(false),
});

/** Two rows per endpoint: a retry needs one of them while its request is under way. */
export const endpointRetrySlots = pgTable(
  'endpoint_retry_slots',
  {
    endpointId: text('endpoint_id')
      .notNull()
      .references(() => endpoints.id),
    slot: smallint('slot').notNull(),
    deliveryId: text('delivery_id'),
    takenUntil: instant('taken_until'),
  },
  (t) => [primaryKey({ columns: [t.endpointId, t.slot] })],
);

export type ReplayStatus = 'running' | 'completed' | 'cancelled' | 'failed';
/** `failed`: what was not delivered; `all`: delivered ones too. Both make rows for events the endpoint never had. */
export type ReplayScope = 'failed' | 'all';

/** Replays of a range of events to one endpoint; the workflow goes on from `cursor`. */
export const replays = pgTable(
  'replays',
  {
    id: text('id').primaryKey(),
    endpointId: text('endpoint_id')
      .notNull()
      .references(() => endpoints.id),
    fromAt: instant('from_at').notNull(),
    toAt: instant('to_at').notNull(),
    /** As in an endpoint's `eventTypes`. */
    eventTypes: text('event_types').array().notNull(),
    scope: text('scope').$type<ReplayScope>().notNull(),
    status: text('status').$type<ReplayStatus>().notNull().default('running'),
    /** The id of the last event that was looked at. */
    cursor: text('cursor'),
    scanned: integer('scanned').notNull().default(0),
    queued: integer('queued').notNull().default(0),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
    finishedAt: instant('finished_at'),
  },
  (t) => [index('replays_endpoint_idx').on(t.endpointId, t.id)],
);

/** Who did what to whom, for people who must explain it later. Never secrets or health values. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    at: instant('at').notNull().defaultNow(),
    /** `key:<id>`, `temporal:<identity>` or `system`. */
    actor: text('actor').notNull(),
    /** `<noun>.<past>`, e.g. `delivery.cancelled`. */
    action: text('action').notNull(),
    /** The id of what was changed. */
    subject: text('subject').notNull(),
    details: jsonb('details').notNull().default({}),
  },
  (t) => [index('audit_log_subject_idx').on(t.subject, t.at)],
);
