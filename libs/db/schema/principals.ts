import { sql } from 'drizzle-orm';
import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { Scope } from '../../core/scopes';
import { createdAt, instant } from './columns';

/** Who acts: users, partner apps, what a user granted an app, and API keys. Ids are text `<prefix>_<uuidv7 hex>`. */

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
