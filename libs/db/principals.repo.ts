import { and, arrayContains, desc, eq, inArray, isNull, lt, sql, type SQL } from 'drizzle-orm';
import { AppError } from '../core/errors';
import { newId } from '../core/ids';
import type { Scope } from '../core/scopes';
import { randomToken, sha256Hex } from '../crypto/digest';
import type { Database, Executor } from './database';
import { apiKeys, apps, grants, users } from './schema/principals';
import { isUniqueViolation } from './sql-state';

export type User = typeof users.$inferSelect;
export type App = typeof apps.$inferSelect;
export type Tier = App['tier'];

/** Who calls: an app's key, acting for one user as the user (`userId`) or as the partner (null). */
export interface Principal {
  keyId: string;
  appId: string;
  userId: string | null;
}

/** @throws AppError `conflict` when the e-mail address belongs to a user already */
export async function createUser(
  db: Executor,
  input: { displayName: string; email: string | null },
): Promise<User> {
  try {
    const [user] = await db
      .insert(users)
      .values({ id: newId('user'), ...input })
      .returning();
    return user!;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new AppError('conflict', 'This e-mail address belongs to a user already.', { cause: error });
  }
}

/** A partner's new user together with the partner's grant for it. */
export async function createGrantedUser(
  db: Database,
  appId: string,
  input: { displayName: string; email: string | null; scopes: readonly Scope[] },
): Promise<User> {
  return db.transaction(async (tx) => {
    const user = await createUser(tx, { displayName: input.displayName, email: input.email });
    await grantAccess(tx, appId, user.id, input.scopes);
    return user;
  });
}

export async function createApp(
  db: Executor,
  input: { name: string; tier: Tier; returnUrls: readonly string[] },
): Promise<App> {
  const [app] = await db
    .insert(apps)
    .values({ id: newId('app'), name: input.name, tier: input.tier, returnUrls: [...input.returnUrls] })
    .returning();
  return app!;
}

export async function findApp(db: Executor, appId: string): Promise<App | null> {
  const [app] = await db.select().from(apps).where(eq(apps.id, appId));
  return app ?? null;
}

export async function findUser(db: Executor, userId: string): Promise<User | null> {
  const [user] = await db.select().from(users).where(eq(users.id, userId));
  return user ?? null;
}

/** Gives an app exactly these scopes for a user; what was granted or revoked before is replaced. */
export async function grantAccess(
  db: Executor,
  appId: string,
  userId: string,
  scopes: readonly Scope[],
): Promise<void> {
  await db
    .insert(grants)
    .values({ appId, userId, scopes: [...scopes] })
    .onConflictDoUpdate({
      target: [grants.appId, grants.userId],
      set: { scopes: [...scopes], revokedAt: null },
    });
}

/** False: there was no live grant. */
export async function revokeGrant(db: Executor, appId: string, userId: string): Promise<boolean> {
  const rows = await db
    .update(grants)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(eq(grants.appId, appId), eq(grants.userId, userId), isNull(grants.revokedAt)))
    .returning({ appId: grants.appId });
  return rows.length > 0;
}

/** Makes a key and returns its plain text, which is stored nowhere: only its SHA-256 is. */
export async function createApiKey(
  db: Executor,
  input: { appId: string; userId: string | null; name: string },
): Promise<{ id: string; key: string }> {
  const key = `dtk_${randomToken()}`;
  const id = newId('apiKey');
  await db.insert(apiKeys).values({ id, ...input, hash: sha256Hex(key) });
  return { id, key };
}

/** False: there was no live key of this id. */
export async function revokeApiKey(db: Executor, keyId: string): Promise<boolean> {
  const rows = await db
    .update(apiKeys)
    .set({ revokedAt: sql`clock_timestamp()` })
    .where(and(eq(apiKeys.id, keyId), isNull(apiKeys.revokedAt)))
    .returning({ id: apiKeys.id });
  return rows.length > 0;
}

/** The principal of a presented key; null when there is no such live key. */
export async function findPrincipal(db: Executor, key: string): Promise<Principal | null> {
  const [row] = await db
    .select({ keyId: apiKeys.id, appId: apiKeys.appId, userId: apiKeys.userId })
    .from(apiKeys)
    .where(and(eq(apiKeys.hash, sha256Hex(key)), isNull(apiKeys.revokedAt)));
  return row ?? null;
}

/**
 * The ids of the users whose data of a scope the principal may see, as a subquery for `inArray`. Every list is cut
 * to it; `scope` null asks for any live grant.
 */
export function visibleUserIds(db: Executor, principal: Principal, scope: Scope | null): SQL {
  if (principal.userId !== null) return sql`(select ${principal.userId}::text)`;
  return sql`(${db
    .select({ userId: grants.userId })
    .from(grants)
    .where(
      and(
        eq(grants.appId, principal.appId),
        isNull(grants.revokedAt),
        scope === null ? undefined : arrayContains(grants.scopes, [scope]),
      ),
    )})`;
}

/** May the principal do this for the user? A user's own key may do everything for that user and nothing for others. */
export async function isGranted(
  db: Executor,
  principal: Principal,
  userId: string,
  scope: Scope,
): Promise<boolean> {
  if (principal.userId !== null) return principal.userId === userId;
  const rows = await db
    .select({ userId: grants.userId })
    .from(grants)
    .where(
      and(
        eq(grants.appId, principal.appId),
        eq(grants.userId, userId),
        isNull(grants.revokedAt),
        arrayContains(grants.scopes, [scope]),
      ),
    );
  return rows.length > 0;
}

/** The scopes of the app's live grants, by user. */
export async function grantedScopes(
  db: Executor,
  appId: string,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, Scope[]>> {
  if (userIds.length === 0) return new Map();
  const rows = await db
    .select({ userId: grants.userId, scopes: grants.scopes })
    .from(grants)
    .where(and(eq(grants.appId, appId), isNull(grants.revokedAt), inArray(grants.userId, [...userIds])));
  return new Map(rows.map((r) => [r.userId, r.scopes]));
}

/** Newest first; `limit + 1` rows tell that there are more. */
export async function listUsers(
  db: Executor,
  principal: Principal,
  page: { limit: number; beforeId: string | null },
): Promise<User[]> {
  return db
    .select()
    .from(users)
    .where(
      and(
        sql`${users.id} in ${visibleUserIds(db, principal, null)}`,
        page.beforeId === null ? undefined : lt(users.id, page.beforeId),
      ),
    )
    .orderBy(desc(users.id))
    .limit(page.limit + 1);
}
