import { sql } from 'drizzle-orm';
import {
  bigint,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { FailureCode } from '../../core/errors';
import type { ProviderId, StreamName } from '../../core/providers';
import { createdAt, instant, instantMultirange } from './columns';
import { apps, users } from './principals';

/** Links to provider accounts, their tokens, connect flows, cursors, coverage and runs. */

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
