import * as oauth from 'oauth4webapi';
import { AppError } from '../core/errors';
import { readAnswer, readTokens, refusalOf, type TokenAnswer } from './oauth-answer';
import { clientOf, type ProviderRuntime } from './runtime';

/** Below the lease of a refresh, so that its holder always hears the outcome or gives up in time. */
const TIMEOUT_MS = 15_000;

const serverOf = ({ auth }: ProviderRuntime): oauth.AuthorizationServer => ({
  issuer: auth.issuer,
  authorization_endpoint: auth.authorizationUrl,
  token_endpoint: auth.tokenUrl,
  revocation_endpoint: auth.revocationUrl,
});

/** Plain http is for the sandbox and tests on loopback only, whatever the settings let through. */
function httpOptions(endpoint: string) {
  const { protocol, hostname } = new URL(endpoint);
  const isLoopback = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  return {
    [oauth.allowInsecureRequests]: protocol === 'http:' && isLoopback,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  };
}

const wordsOf = (scope: string): string[] => scope.split(/[\s,]+/).filter((word) => word !== '');

/**
 * The URL that sends the user to the provider's consent page (RFC 6749 §4.1.1, PKCE RFC 7636 where supported).
 *
 * @throws AppError `provider_not_configured`
 */
export async function authorizationRequest(
  runtime: ProviderRuntime,
  request: { redirectUri: string; state: string },
): Promise<{ url: string; pkceVerifier: string | null }> {
  const { auth } = runtime;
  const { clientId } = clientOf(runtime);
  const pkceVerifier = auth.pkce ? oauth.generateRandomCodeVerifier() : null;
  const url = new URL(auth.authorizationUrl);
  const parameters: Record<string, string> = {
    ...auth.authorizationParams,
    response_type: 'code',
    client_id: clientId,
    redirect_uri: request.redirectUri,
    scope: auth.scopes.join(auth.scopeSeparator),
    state: request.state,
  };
  if (pkceVerifier !== null) {
    parameters['code_challenge'] = await oauth.calculatePKCECodeChallenge(pkceVerifier);
    parameters['code_challenge_method'] = 'S256';
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return { url: url.href, pkceVerifier };
}

/** The provider's issuer; for a stand-in also one of its own origin. */
function expectedIssuer({ auth, standInOrigin }: ProviderRuntime, callbackUrl: URL): string {
  const stated = callbackUrl.searchParams.get('iss');
  const isStandIns =
    stated !== null &&
    standInOrigin !== null &&
    URL.canParse(stated) &&
    new URL(stated).origin === standInOrigin;
  return isStandIns ? stated : auth.issuer;
}

/** Checks `state`, and `iss` where the provider sends it (RFC 9207), then reads an error redirect. */
function callbackParameters(
  runtime: ProviderRuntime,
  callbackUrl: URL,
  expectedState: string,
): URLSearchParams {
  const client = { client_id: clientOf(runtime).clientId };
  const { label } = runtime.connector;
  let parameters: URLSearchParams;
  try {
    const server = { ...serverOf(runtime), issuer: expectedIssuer(runtime, callbackUrl) };
    parameters = oauth.validateAuthResponse(server, client, callbackUrl, expectedState);
  } catch (cause) {
    if (!(cause instanceof oauth.AuthorizationResponseError)) {
      // Only the message: the error's own cause holds the code and the state.
      throw new AppError('connect_state_invalid', 'This connect link is not valid any more', {
        cause: (cause as Error).message,
      });
    }
    // RFC 6749 §4.1.2.1
    if (cause.error === 'access_denied') {
      throw new AppError('consent_denied', `The user did not consent at ${label}`);
    }
    if (['server_error', 'temporarily_unavailable'].includes(cause.error)) {
      throw new AppError('provider_unavailable', `${label} could not show its consent page`);
    }
    throw new AppError('provider_rejected', `${label} refused the authorization request`);
  }
  if (!parameters.get('code')) {
    throw new AppError('connect_state_invalid', `${label} sent the user back without a code`);
  }
  return parameters;
}

/**
 * Redeems the code of the redirect (RFC 6749 §4.1.3). `grantedScopes` is what the user accepted; a provider that
 * states none granted what was asked for (§5.1). `raw` is the answer without tokens, for `accountId`.
 *
 * @throws AppError `connect_state_invalid` (state, issuer or code), `consent_denied`, `provider_client_invalid`,
 *   `provider_rejected`, `provider_rate_limited`, `provider_unavailable`, `provider_not_configured`
 */
export async function exchangeCode(
  runtime: ProviderRuntime,
  callback: { callbackUrl: URL; expectedState: string; redirectUri: string; pkceVerifier: string | null },
): Promise<TokenAnswer & { grantedScopes: string[] }> {
  const { auth, connector } = runtime;
  const { clientId, clientSecret } = clientOf(runtime);
  const parameters = callbackParameters(runtime, callback.callbackUrl, callback.expectedState);
  const server = serverOf(runtime);
  const client = { client_id: clientId };
  const requestedAt = new Date();
  const answer = await readAnswer(runtime, () =>
    oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.ClientSecretPost(clientSecret),
      parameters,
      callback.redirectUri,
      callback.pkceVerifier ?? oauth.nopkce,
      httpOptions(auth.tokenUrl),
    ),
  );
  if (answer.status < 200 || answer.status >= 300) {
    const spent = new AppError(
      'connect_state_invalid',
      `${connector.label} does not accept this code any more`,
    );
    throw refusalOf(runtime, answer, spent);
  }
  const tokens = await readTokens(runtime, answer, requestedAt, (response) =>
    oauth.processAuthorizationCodeResponse(server, client, response),
  );
  const stated = auth.grantedScopeIn === 'redirect' ? parameters.get('scope') : tokens.raw['scope'];
  return { ...tokens, grantedScopes: typeof stated === 'string' ? wordsOf(stated) : [...auth.scopes] };
}

/**
 * Refreshes the access token (RFC 6749 §6). Ends within 15 s. `refreshToken: null` means: keep the old one.
 *
 * @throws AppError `reauth_required` when the grant is dead, `provider_client_invalid`, `provider_rejected`,
 *   `provider_rate_limited`, `provider_unavailable` (network, 5xx, garbage: the outcome is unknown)
 */
export async function refreshTokens(
  runtime: ProviderRuntime,
  refreshToken: string,
): Promise<Omit<TokenAnswer, 'raw'>> {
  const { auth, connector } = runtime;
  const { clientId, clientSecret } = clientOf(runtime);
  const server = serverOf(runtime);
  const client = { client_id: clientId };
  const requestedAt = new Date();
  const answer = await readAnswer(runtime, () =>
    oauth.refreshTokenGrantRequest(
      server,
      client,
      oauth.ClientSecretPost(clientSecret),
      refreshToken,
      httpOptions(auth.tokenUrl),
    ),
  );
  if (answer.status < 200 || answer.status >= 300) {
    const dead = new AppError('reauth_required', `The user must connect ${connector.label} again`);
    throw refusalOf(runtime, answer, dead);
  }
  const { raw: _raw, ...tokens } = await readTokens(runtime, answer, requestedAt, (response) =>
    oauth.processRefreshTokenResponse(server, client, response),
  );
  return tokens;
}

/**
 * Takes our access back at the provider (RFC 7009). A token that is already gone counts as success.
 *
 * @throws AppError `provider_client_invalid`, `provider_rejected`, `provider_rate_limited`, `provider_unavailable`
 */
export async function revokeTokens(
  runtime: ProviderRuntime,
  tokens: { accessToken: string; refreshToken: string | null },
): Promise<void> {
  const { auth } = runtime;
  const { clientId, clientSecret } = clientOf(runtime);
  const answer = await readAnswer(runtime, () =>
    oauth.revocationRequest(
      serverOf(runtime),
      { client_id: clientId },
      auth.revocation.clientAuth === 'basic' ? oauth.ClientSecretBasic(clientSecret) : oauth.None(),
      // The refresh token stands for the whole grant; its revocation ends the access tokens too (RFC 7009 §2.1).
      tokens.refreshToken ?? tokens.accessToken,
      {
        ...httpOptions(auth.revocationUrl),
        additionalParameters: {
          token_type_hint: tokens.refreshToken === null ? 'access_token' : 'refresh_token',
        },
      },
    ),
  );
  if (answer.status >= 200 && answer.status < 300) return;
  const isGone =
    auth.isDeadGrant(answer) || (answer.status === 400 && errorOf(answer.json) === 'invalid_token');
  if (!isGone) throw refusalOf(runtime, answer, new AppError('reauth_required', 'The grant is gone'));
}

const errorOf = (json: unknown): unknown =>
  typeof json === 'object' && json !== null && 'error' in json ? json.error : undefined;
