import { Inject, Injectable } from '@nestjs/common';
import type { Config } from '../../../libs/config/config';
import { authorizationRequest, exchangeCode } from '../../../libs/connectors/oauth-client';
import { createProviderHttp } from '../../../libs/connectors/provider-http';
import { clientOf, type ProviderRuntime } from '../../../libs/connectors/runtime';
import { AppError } from '../../../libs/core/errors';
import { randomToken, sha256Hex } from '../../../libs/crypto/digest';
import type { Sealer } from '../../../libs/crypto/sealer';
import { connectIntegration } from '../../../libs/db/connect.repo';
import { saveConnectState, type ConnectState } from '../../../libs/db/connect-states.repo';
import type { Database } from '../../../libs/db/database';
import { openForConnect, type Integration } from '../../../libs/db/integrations.repo';
import { findApp } from '../../../libs/db/principals.repo';
import type { Logger } from '../../../libs/telemetry/logger';
import { CONFIG, DATABASE, LOGGER, SEALER } from '../injection-tokens';
import { splitByScope } from './stream-state';
import { SyncService } from './sync.service';

const STATE_TTL_S = 600;
const ACCOUNT_TIMEOUT_MS = 15_000;

const verifierContext = (stateHash: string): string => `connect:${stateHash}`;

/** The two halves of connecting a provider account: sending the user there, and taking them back. */
@Injectable()
export class ConnectService {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(SyncService) private readonly syncs: SyncService,
  ) {}

  /** Where providers send the browser back to; to be registered with each of them. */
  redirectUri(runtime: ProviderRuntime): string {
    return new URL(`/v1/integrations/${runtime.connector.id}/callback`, this.config.PUBLIC_URL).href;
  }

  /** @throws AppError `provider_not_configured`, `invalid_request` for a return URL that the app has not registered */
  async begin(
    runtime: ProviderRuntime,
    flow: { userId: string; appId: string; returnUrl: string | null },
  ): Promise<{ integrationId: string; authorizationUrl: string; expiresAt: Date }> {
    clientOf(runtime);
    await this.#requireRegistered(flow.appId, flow.returnUrl);
    const state = randomToken();
    const stateHash = sha256Hex(state);
    const redirectUri = this.redirectUri(runtime);
    const { url, pkceVerifier } = await authorizationRequest(runtime, { redirectUri, state });
    const integration = await openForConnect(this.db, flow.userId, runtime.connector.id);
    const expiresAt = await saveConnectState(
      this.db,
      {
        stateHash,
        integrationId: integration.id,
        appId: flow.appId,
        pkceVerifierSealed:
          pkceVerifier === null ? null : this.sealer.seal(pkceVerifier, verifierContext(stateHash)),
        returnUrl: flow.returnUrl,
      },
      STATE_TTL_S,
    );
    return { integrationId: integration.id, authorizationUrl: url, expiresAt };
  }

  async #requireRegistered(appId: string, returnUrl: string | null): Promise<void> {
    if (returnUrl === null) return;
    const app = await findApp(this.db, appId);
    if (app?.returnUrls.includes(returnUrl)) return;
    throw new AppError('invalid_request', 'returnUrl is not one of the URLs registered for your app.', {
      details: { fields: [{ field: 'returnUrl', message: 'must equal a registered URL exactly' }] },
    });
  }

  /**
   * Redeems the code, learns the account, stores everything in one transaction and starts the first sync.
   * @param state the state parameter, already used up
   * @throws AppError as of `exchangeCode`, `accountId` and `connectIntegration`
   */
  async finish(
    runtime: ProviderRuntime,
    flow: ConnectState,
    state: string,
    query: string,
  ): Promise<Integration> {
    const redirectUri = this.redirectUri(runtime);
    const tokens = await exchangeCode(runtime, {
      callbackUrl: new URL(`?${query}`, redirectUri),
      expectedState: state,
      redirectUri,
      pkceVerifier:
        flow.pkceVerifierSealed === null
          ? null
          : this.sealer.open(flow.pkceVerifierSealed, verifierContext(sha256Hex(state))),
    });
    const { connector, policy } = runtime;
    const { accessToken, refreshToken, expiresAt, grantedScopes: scopes } = tokens;
    const http = createProviderHttp({ runtime, accessToken, timeoutMs: ACCOUNT_TIMEOUT_MS });
    const externalId = await connector.accountId(http, tokens.raw);
    const connected = await connectIntegration(this.db, {
      integrationId: flow.integrationId,
      provider: connector.id,
      providerApp: clientOf(runtime).clientId,
      externalId,
      scopes,
      ...splitByScope(connector, scopes),
      reExport: policy.reExport,
      seal: (accountId) => ({
        accessTokenSealed: this.sealer.seal(accessToken, `account:${accountId}:access`),
        refreshTokenSealed:
          refreshToken === null ? null : this.sealer.seal(refreshToken, `account:${accountId}:refresh`),
        accessExpiresAt: expiresAt,
      }),
    });
    if (connected.status === 'active') await this.#startFirstSync(connected);
    return connected;
  }

  /** The connection stands even while the engine is away: the dispatcher finds it due in 5 min. */
  async #startFirstSync(integration: Integration): Promise<void> {
    try {
      await this.syncs.start(integration, 'connect');
    } catch (error) {
      this.logger.warn('first sync not started, the dispatcher will', {
        integrationId: integration.id,
        error,
      });
    }
  }
}
