import { Inject, Injectable } from '@nestjs/common';
import { cancellationSignal, Context } from '@temporalio/activity';
import { AppError } from '../libs/core/errors';
import type { ProviderId } from '../libs/core/providers';
import type { ConnectorStream, Page } from '../libs/connectors/contract';
import { createProviderHttp } from '../libs/connectors/provider-http';
import { revokeTokens } from '../libs/connectors/oauth-client';
import { runtimeOf, type ProviderRuntime } from '../libs/connectors/runtime';
import { Sealer } from '../libs/crypto/sealer';
import type { Database } from '../libs/db/database';
import { commitPage, type RunCounts, type PageToCommit } from '../libs/db/page-commit';
import { forgetTokens, readTokensOfUnusedAccount } from '../libs/db/provider-accounts.repo';
import { readOpenWindow, readRunCounts, type OpenWindow } from '../libs/db/stream-cursors.repo';
import type { Logger } from '../libs/telemetry/logger';
import type { ProviderActivities, SyncStreamInput, SyncStreamResult } from '../workflows/contract';
import { accessContext, refreshContext, TokenCustody } from './token-custody';
import { DATABASE, LOGGER, RUNTIMES } from './injection-tokens';

/** An activity reads pages for this long, then lets the workflow schedule it anew: bounds what a drain waits for. */
const SLICE_MS = 240_000;
/** Well within the heartbeat timeout, however long a page takes; a short activity sends none (each is billed on Cloud). */
const HEARTBEAT_MS = 5_000;
/** A provider's wait up to this long is bridged by an activity retry; a longer one by a timer of the workflow. */
const RETRY_WAIT_MS = 60_000;

/** Reads the open window of one stream page by page; each page lands in one transaction with its cursor. */
@Injectable()
export class SyncStreamActivities implements ProviderActivities {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    @Inject(Sealer) private readonly sealer: Sealer,
    @Inject(TokenCustody) private readonly custody: TokenCustody,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async syncStream(input: SyncStreamInput): Promise<SyncStreamResult> {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
    try {
      return await this.#readPages(input);
    } finally {
      clearInterval(beat);
    }
  }

  async #readPages(input: SyncStreamInput): Promise<SyncStreamResult> {
    const { integrationId, stream, generation, runId } = input;
    const sliceEndsAt = Date.now() + SLICE_MS;
    let counts: RunCounts = await readRunCounts(this.db, runId, stream);
    for (;;) {
      const window = await readOpenWindow(this.db, integrationId, stream);
      if (!window) return { more: false, waitMs: null, ...counts };
      if (window.generation !== generation) {
        throw new AppError('integration_gone', 'The integration was disconnected or connected anew');
      }
      const runtime = runtimeOf(this.runtimes, window.provider);
      const source = runtime.connector.streams.find((s) => s.stream === stream);
      if (!source) throw new AppError('provider_rejected', `${window.provider} has no stream ${stream}`);
      let page: Page;
      try {
        page = await this.#fetch(runtime, source, window);
      } catch (error) {
        const waitMs =
          error instanceof AppError && error.code === 'provider_rate_limited' ? error.retryAfterMs : 0;
        if (waitMs !== undefined && waitMs > RETRY_WAIT_MS) return { more: true, waitMs, ...counts };
        throw error;
      }
      const committed = await this.#commit({
        owner: { integrationId, userId: window.userId, provider: window.provider },
        reExport: runtime.policy.reExport,
        runId,
        stream: source.stream,
        generation,
        cursorVersion: window.cursorVersion,
        requestedAt: window.now,
        drafts: page.records,
        next: page.next,
      });
      if (committed === null) continue;
      counts = committed;
      if (page.next === null) return { more: false, waitMs: null, ...counts };
      if (Date.now() > sliceEndsAt) return { more: true, waitMs: null, ...counts };
    }
  }

  async revokeAccess(input: { integrationId: string }): Promise<{ revoked: boolean }> {
    const tokens = await readTokensOfUnusedAccount(this.db, input.integrationId);
    if (!tokens || tokens.accessTokenSealed === null) return { revoked: false };
    const revoked = await this.#revoke(runtimeOf(this.runtimes, tokens.provider), {
      accessToken: this.sealer.open(tokens.accessTokenSealed, accessContext(tokens.accountId)),
      refreshToken:
        tokens.refreshTokenSealed === null
          ? null
          : this.sealer.open(tokens.refreshTokenSealed, refreshContext(tokens.accountId)),
    });
    await forgetTokens(this.db, tokens.accountId, tokens.tokenVersion);
    return { revoked };
  }

  /**
   * False when the provider refuses for good: the tokens are forgotten all the same, nobody will ask again.
   * @throws AppError when asking later can help, or our own client must be mended first
   */
  async #revoke(runtime: ProviderRuntime, tokens: Parameters<typeof revokeTokens>[1]): Promise<boolean> {
    try {
      await revokeTokens(runtime, tokens);
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'provider_rejected') throw error;
      this.logger.warn('the provider refuses to revoke access', { provider: runtime.connector.id });
      return false;
    }
  }

  /** Null when another attempt moved the cursor: this page was not written, the next one starts at the new cursor. */
  async #commit(page: PageToCommit): Promise<RunCounts | null> {
    try {
      return await commitPage(this.db, page);
    } catch (error) {
      // A timed-out attempt may still be working beside its successor; only the one the server knows goes on.
      if (!(error instanceof AppError) || error.code !== 'conflict') throw error;
      cancellationSignal().throwIfAborted();
      return null;
    }
  }

  /** Fetches the page at the cursor; a token the provider refuses is refreshed once. */
  async #fetch(runtime: ProviderRuntime, source: ConnectorStream, window: OpenWindow): Promise<Page> {
    const request = { from: window.from, to: window.to, pageToken: window.pageToken };
    const access = await this.custody.accessToken(window.accountId);
    const http = (accessToken: string) =>
      createProviderHttp({ runtime, accessToken, signal: cancellationSignal() });
    try {
      return await source.fetchPage(http(access.token), request);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'token_rejected') throw error;
      const fresh = await this.custody.accessToken(window.accountId, access.version);
      return source.fetchPage(http(fresh.token), request);
    }
  }
}
