import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '../libs/core/errors';
import { withJitter } from '../libs/core/backoff';
import type { ProviderId } from '../libs/core/providers';
import { refreshTokens } from '../libs/connectors/oauth-client';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import type { Sealer } from '../libs/crypto/sealer';
import type { Database } from '../libs/db/database';
import { markNeedsReauth } from '../libs/db/integration-status';
import {
  commitRefreshedTokens,
  readTokens,
  releaseRefreshLease,
  takeRefreshLease,
  type AccountTokens,
} from '../libs/db/provider-accounts.repo';
import type { Logger } from '../libs/telemetry/logger';

/** An access token is refreshed this long before it ends. */
const EARLY_MS = 60_000;
/** Longer than the refresh call may take, so that a lease ends only when its holder is gone. */
const LEASE_MS = 30_000;
const LOSER_POLL_MS = 100;
const LOSER_WAIT_MS = 20_000;

export interface AccessToken {
  token: string;
  version: number;
}

export const accessContext = (accountId: string): string => `account:${accountId}:access`;
export const refreshContext = (accountId: string): string => `account:${accountId}:refresh`;

/**
 * Keeper of provider tokens (design §6.3): one refresh per token version over all processes by a committed lease; no
 * database connection is held while the provider is asked; the new pair is committed before its first use.
 */
export class TokenCustody {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    private readonly logger: Logger,
  ) {}

  /**
   * A usable access token of an account. `rejectedVersion`: the provider refused the token of this version, so it is
   * refreshed even if it should still be alive.
   *
   * @throws AppError `reauth_required` (and the integrations of the account are moved there) when the grant is dead,
   *   `token_refresh_busy` when another process refreshes for too long, or the provider's failure
   */
  async accessToken(accountId: string, rejectedVersion: number | null = null): Promise<AccessToken> {
    for (let waitedMs = 0; waitedMs < LOSER_WAIT_MS;) {
      const tokens = await readTokens(this.db, accountId);
      if (!tokens || tokens.accessTokenSealed === null) {
        throw new AppError('reauth_required', 'The account has no tokens; the user must connect again');
      }
      const alive = tokens.expiresInMs === null || tokens.expiresInMs > EARLY_MS;
      if (alive && tokens.tokenVersion !== rejectedVersion) {
        return {
          token: this.sealer.open(tokens.accessTokenSealed, accessContext(accountId)),
          version: tokens.tokenVersion,
        };
      }
      if (!tokens.leased) {
        const refreshed = await this.#refresh(accountId, tokens);
        if (refreshed) return refreshed;
      } else {
        const waitMs = withJitter(LOSER_POLL_MS, 0.5, Math.random());
        waitedMs += waitMs;
        await delay(waitMs);
      }
    }
    throw new AppError('token_refresh_busy', 'Another process has been refreshing this token for too long');
  }

  /** One try to refresh as the holder of the lease; null when the tokens should be read again. */
  async #refresh(accountId: string, tokens: AccountTokens): Promise<AccessToken | null> {
    const { tokenVersion: version } = tokens;
    const dead = async (message: string): Promise<never> => {
      await markNeedsReauth(
        this.db,
        { accountId, tokenVersion: version },
        'reauth_required',
        (provider) => this.runtimes.get(provider)?.policy.reExport ?? false,
      );
      throw new AppError('reauth_required', message);
    };
    if (tokens.refreshTokenSealed === null)
      await dead('The access token ended and there is no refresh token');
    if (tokens.leaseExpired && tokens.refreshRetriedVersion === version) {
      await dead('Two refreshes of this token ended without an outcome');
    }
    const owner = randomUUID();
    const lease = { version, owner, leaseMs: LEASE_MS, afterUnknownOutcome: tokens.leaseExpired };
    if (!(await takeRefreshLease(this.db, accountId, lease))) return null;
    const runtime = this.runtimes.get(tokens.provider);
    if (!runtime) throw new AppError('provider_not_configured', `${tokens.provider} is not configured`);
    try {
      const fresh = await refreshTokens(
        runtime,
        this.sealer.open(tokens.refreshTokenSealed!, refreshContext(accountId)),
      );
      const committed = await commitRefreshedTokens(this.db, accountId, lease, {
        accessTokenSealed: this.sealer.seal(fresh.accessToken, accessContext(accountId)),
        refreshTokenSealed:
          fresh.refreshToken === null
            ? null
            : this.sealer.seal(fresh.refreshToken, refreshContext(accountId)),
        accessExpiresAt: fresh.expiresAt,
      });
      if (committed) return { token: fresh.accessToken, version: version + 1 };
      this.logger.warn('a refreshed token pair came after its lease had ended', { accountId, version });
      return null;
    } catch (error) {
      await releaseRefreshLease(this.db, accountId, lease);
      if (error instanceof AppError && error.code === 'reauth_required') await dead(error.message);
      throw error;
    }
  }
}
