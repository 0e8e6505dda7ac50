import { sql } from 'drizzle-orm';
import type { ProviderId } from '../core/providers';
import type { Database } from './database';

export interface SealedTokens {
  accessTokenSealed: string;
  /** Null keeps the stored one: a provider that omits it has not changed it. */
  refreshTokenSealed: string | null;
  accessExpiresAt: Date | null;
}

export interface AccountTokens {
  provider: ProviderId;
  accessTokenSealed: string | null;
  refreshTokenSealed: string | null;
  tokenVersion: number;
  /** Time left of the access token by the database clock in ms, null = unknown or unlimited. */
  expiresInMs: number | null;
  /** A lease is held and not over. */
  leased: boolean;
  /** A lease ran out without a commit: the outcome of that refresh is unknown. */
  leaseExpired: boolean;
  refreshRetriedVersion: number | null;
}

export async function readTokens(db: Database, accountId: string): Promise<AccountTokens | null> {
  const [row] = await db.execute<{
    provider: ProviderId;
    access_token_sealed: string | null;
    refresh_token_sealed: string | null;
    token_version: number;
    expires_in_ms: string | null;
    leased: boolean;
    lease_expired: boolean;
    refresh_retried_version: number | null;
  }>(sql`
    select provider, access_token_sealed, refresh_token_sealed, token_version, refresh_retried_version,
      extract(epoch from access_expires_at - clock_timestamp()) * 1000 as expires_in_ms,
      coalesce(refresh_until >= clock_timestamp(), false) as leased,
      coalesce(refresh_until < clock_timestamp(), false) as lease_expired
    from provider_accounts where id = ${accountId}`);
  if (!row) return null;
  return {
    provider: row.provider,
    accessTokenSealed: row.access_token_sealed,
    refreshTokenSealed: row.refresh_token_sealed,
    tokenVersion: row.token_version,
    expiresInMs: row.expires_in_ms === null ? null : Number(row.expires_in_ms),
    leased: row.leased,
    leaseExpired: row.lease_expired,
    refreshRetriedVersion: row.refresh_retried_version,
  };
}

/** Takes the committed refresh lease of one token version (design §6.3). False: somebody else has it or has refreshed. */
export async function takeRefreshLease(
  db: Database,
  accountId: string,
  lease: { version: number; owner: string; leaseMs: number; afterUnknownOutcome: boolean },
): Promise<boolean> {
  const rows = await db.execute(sql`
    update provider_accounts set refresh_owner = ${lease.owner},
      refresh_until = clock_timestamp() + make_interval(secs => ${lease.leaseMs / 1000}),
      refresh_retried_version = case when ${lease.afterUnknownOutcome} then token_version else refresh_retried_version end
    where id = ${accountId} and token_version = ${lease.version}
      and (refresh_until is null or refresh_until < clock_timestamp())
    returning 1`);
  return rows.length > 0;
}

/** Commits a refreshed pair before its first use. False: the lease or the version is no longer ours. */
export async function commitRefreshedTokens(
  db: Database,
  accountId: string,
  lease: { version: number; owner: string },
  tokens: SealedTokens,
): Promise<boolean> {
  const rows = await db.execute(sql`
    update provider_accounts set access_token_sealed = ${tokens.accessTokenSealed},
      refresh_token_sealed = coalesce(${tokens.refreshTokenSealed}, refresh_token_sealed),
      access_expires_at = ${tokens.accessExpiresAt?.toISOString() ?? null}::timestamptz,
      token_version = token_version + 1, refresh_owner = null, refresh_until = null, refresh_retried_version = null,
      updated_at = clock_timestamp()
    where id = ${accountId} and token_version = ${lease.version} and refresh_owner = ${lease.owner}
    returning 1`);
  return rows.length > 0;
}

/** Gives the lease back after a refresh that surely changed nothing or whose failure the caller handles. */
export async function releaseRefreshLease(
  db: Database,
  accountId: string,
  lease: { version: number; owner: string },
): Promise<void> {
  await db.execute(sql`
    update provider_accounts set refresh_owner = null, refresh_until = null
    where id = ${accountId} and token_version = ${lease.version} and refresh_owner = ${lease.owner}`);
}

/**
 * Takes the tokens of an account away for revoking them, unless another integration that is not disconnected uses it.
 * Returns null when the account is still in use or has no tokens left.
 */
export async function readTokensOfUnusedAccount(
  db: Database,
  integrationId: string,
): Promise<(AccountTokens & { accountId: string }) | null> {
  const [row] = await db.execute<{ account_id: string }>(sql`
    select i.account_id from integrations i where i.id = ${integrationId} and i.account_id is not null
      and not exists (select 1 from integrations o where o.account_id = i.account_id and o.status <> 'disconnected')`);
  if (!row) return null;
  const tokens = await readTokens(db, row.account_id);
  return tokens && tokens.accessTokenSealed !== null ? { ...tokens, accountId: row.account_id } : null;
}

/** Forgets the tokens of a revoked account. */
export async function forgetTokens(db: Database, accountId: string, version: number): Promise<void> {
  await db.execute(sql`
    update provider_accounts set access_token_sealed = null, refresh_token_sealed = null, access_expires_at = null,
      token_version = token_version + 1, updated_at = clock_timestamp()
    where id = ${accountId} and token_version = ${version}`);
}
