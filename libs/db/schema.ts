import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  customType,
  date,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { FailureCode } from '../core/errors';
import type { ProviderId, StreamName } from '../core/providers';
import type { Scope } from '../core/scopes';

/** Terminology: README "Words" and design §2. Ids are text `<prefix>_<uuidv7 hex>`; instants are timestamptz. */
const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
const createdAt = () => instant('created_at').notNull().defaultNow();

/** Set of instants ranges, e.g. `{[2026-11-01 00:00+00,2026-11-22 10:00+00)}`. */
const instantMultirange = customType<{ data: string }>({ dataType: () => 'tstzmultirange' });

export const users = pgTable('users', {
  id: text('id').primaryKey(),
  email: text('email').unique(),
  displayName: text('display_name').notNull(),
  createdAt: createdAt(),
});

/** A partner's OAuth2 client; API keys and endpoints belong to it. */
export const apps = pgTable('apps', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  tier: text('tier').$type<'free' | 'premium' | 'enterprise'>().notNull().default('free'),
  /** Exact URLs a connect flow may send the browser back to. */
  returnUrls: text('return_urls')
    .array()
    .notNull()
    .default(sql`'{}'`),
  createdAt: createdAt(),
});

/** What a user lets an app do. */
export const grants = pgTable(
  'grants',
  {
    appId: text('app_id')
      .notNull()
      .references(() => apps.id),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    scopes: text('scopes').array().$type<Scope[]>().notNull(),
    createdAt: createdAt(),
    revokedAt: instant('revoked_at'),
  },
  (t) => [primaryKey({ columns: [t.appId, t.userId] }), index('grants_user_idx').on(t.userId)],
);

export const apiKeys = pgTable('api_keys', {
  id: text('id').primaryKey(),
  appId: text('app_id')
    .notNull()
    .references(() => apps.id),
  /** Set: the key acts for this user alone, as the user; not set: as the partner, for every user that granted. */
  userId: text('user_id').references(() => users.id),
  name: text('name').notNull(),
  /** SHA-256 (hex) of the key. */
  hash: text('hash').notNull().unique(),
  createdAt: createdAt(),
  revokedAt: instant('revoked_at'),
});

/** Tokens belong to (provider app, provider account): integrations on one account share them. */
export const providerAccounts = pgTable(
  'provider_accounts',
  {
    id: text('id').primaryKey(),
    provider: text('provider').$type<ProviderId>().notNull(),
    /** Our OAuth client id at the provider. */
    providerApp: text('provider_app').notNull(),
    externalId: text('external_id').notNull(),
    /** Sealed with libs/crypto; null once revoked. */
    accessTokenSealed: text('access_token_sealed'),
    refreshTokenSealed: text('refresh_token_sealed'),
    accessExpiresAt: instant('access_expires_at'),
    /** Fences every write of the token pair. */
    tokenVersion: integer('token_version').notNull().default(1),
    /** The committed refresh lease (design §6.3). */
    refreshOwner: text('refresh_owner'),
    refreshUntil: instant('refresh_until'),
    /** A refresh whose outcome is unknown was tried again with the old token at this version. */
    refreshRetriedVersion: integer('refresh_retried_version'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [unique('provider_accounts_identity').on(t.provider, t.providerApp, t.externalId)],
);

/** One state machine: pending → active ⇄ degraded → needs_reauth / paused → disconnected (design §2). */
export const INTEGRATION_STATUSES = [
  'pending',
  'active',
  'degraded',
  'needs_reauth',
  'paused',
  'disconnected',
] as const;

export type IntegrationStatus = (typeof INTEGRATION_STATUSES)[number];

export const integrations = pgTable(
  'integrations',
  {
    id: text('id').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id),
    provider: text('provider').$type<ProviderId>().notNull(),
    accountId: text('account_id').references(() => providerAccounts.id),
    status: text('status').$type<IntegrationStatus>().notNull().default('pending'),
    statusReason: text('status_reason').$type<FailureCode>(),
    /** Raised by disconnect, erase and reconnect; every write of a run is guarded by it. */
    generation: integer('generation').notNull().default(1),
    /** Provider scopes the user accepted. */
    scopes: text('scopes')
      .array()
      .notNull()
      .default(sql`'{}'`),
    shard: smallint('shard').notNull(),
    nextSyncAt: instant('next_sync_at'),
    lastSyncedAt: instant('last_synced_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (t) => [
    uniqueIndex('integrations_one_live')
      .on(t.userId, t.provider)
      .where(sql`status <> 'disconnected'`),
    index('integrations_due')
      .on(t.shard, t.nextSyncAt)
      .where(sql`status in ('active', 'degraded')`),
    index('integrations_account_idx').on(t.accountId),
  ],
);

/** One pending connect flow; single use. */
export const connectStates = pgTable('connect_states', {
  /** SHA-256 (hex) of the state parameter. */
  stateHash: text('state_hash').primaryKey(),
  integrationId: text('integration_id')
    .notNull()
    .references(() => integrations.id),
  appId: text('app_id')
    .notNull()
    .references(() => apps.id),
  pkceVerifierSealed: text('pkce_verifier_sealed'),
  returnUrl: text('return_url'),
  expiresAt: instant('expires_at').notNull(),
  consumedAt: instant('consumed_at'),
});

/** Cursor and coverage of one stream of one integration. */
export const integrationStreams = pgTable(
  'integration_streams',
  {
    integrationId: text('integration_id')
      .notNull()
      .references(() => integrations.id),
    stream: text('stream').$type<StreamName>().notNull(),
    /** The window being read; null when none is open. */
    windowFrom: instant('window_from'),
    windowTo: instant('window_to'),
    pageToken: text('page_token'),
    pageTokenAt: instant('page_token_at'),
    /** Raised by every cursor write; a page commits only on the cursor it was fetched with. */
    cursorVersion: bigint('cursor_version', { mode: 'number' }).notNull().default(0),
    /** The (run, round) that opened the window: planning twice changes nothing. */
    plannedRunId: text('planned_run_id'),
    plannedRound: integer('planned_round'),
    windowRecords: bigint('window_records', { mode: 'number' }).notNull().default(0),
    asked: instantMultirange('asked').notNull().default('{}'),
    answered: instantMultirange('answered').notNull().default('{}'),
    empty: instantMultirange('empty').notNull().default('{}'),
    failed: instantMultirange('failed').notNull().default('{}'),
    lastErrorCode: text('last_error_code').$type<FailureCode>(),
    lastErrorAt: instant('last_error_at'),
  },
  (t) => [primaryKey({ columns: [t.integrationId, t.stream] })],
);

export const syncRuns = pgTable(
  'sync_runs',
  {
    id: text('id').primaryKey(),
    integrationId: text('integration_id')
      .notNull()
      .references(() => integrations.id),
    trigger: text('trigger').notNull(),
    outcome: text('outcome'),
    rounds: integer('rounds').notNull().default(0),
    /** The last round that `finish` closed: finishing twice changes nothing. */
    finishedRound: integer('finished_round').notNull().default(0),
    /** Changes already told in a `sync.completed` event: a round without new ones says nothing. */
    announcedChanges: integer('announced_changes').notNull().default(0),
    startedAt: instant('started_at').notNull().defaultNow(),
    finishedAt: instant('finished_at'),
  },
  (t) => [index('sync_runs_integration_idx').on(t.integrationId, t.startedAt)],
);

/** Per-stream counts of a run, written in the page's transaction. */
export const syncRunStreams = pgTable(
  'sync_run_streams',
  {
    runId: text('run_id')
      .notNull()
      .references(() => syncRuns.id),
    stream: text('stream').$type<StreamName>().notNull(),
    pages: integer('pages').notNull().default(0),
    inserted: integer('inserted').notNull().default(0),
    updated: integer('updated').notNull().default(0),
    unchanged: integer('unchanged').notNull().default(0),
    errorCode: text('error_code').$type<FailureCode>(),
    deferredUntil: instant('deferred_until'),
  },
  (t) => [primaryKey({ columns: [t.runId, t.stream] })],
);

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
