import { createHash } from 'node:crypto';
import { startLoopbackProvider, type LoopbackProvider } from './loopback-provider.test-support';
import { authorizationRequest, exchangeCode, refreshTokens, revokeTokens } from './oauth-client';

let provider: LoopbackProvider;
beforeAll(async () => {
  provider = await startLoopbackProvider();
});
afterAll(() => provider.close());
beforeEach(() => {
  provider.seen.length = 0;
});

const REDIRECT_URI = 'http://127.0.0.1:3000/v1/integrations/callback';
const HTML = '<html><body>Bad Gateway access-1</body></html>';
const STRAVA_DEAD = {
  message: 'Bad Request',
  errors: [{ resource: 'RefreshToken', field: 'code', code: 'invalid' }],
};
const STRAVA_BAD_CLIENT = {
  message: 'Bad Request',
  errors: [{ resource: 'Application', field: 'client_id', code: 'invalid' }],
};
const STRAVA_TOKENS = {
  token_type: 'Bearer',
  expires_at: 1793664000,
  expires_in: 21600,
  refresh_token: 'refresh-1',
  access_token: 'access-1',
  athlete: { id: 4711042 },
};
const GOOGLE_TOKENS = {
  token_type: 'Bearer',
  expires_in: 3599,
  access_token: 'access-1',
  refresh_token: 'refresh-1',
  scope: 'https://www.googleapis.com/auth/googlehealth.activity_and_fitness.readonly',
};

const callback = (parameters: Record<string, string>, expectedState = 'state-1') => ({
  callbackUrl: new URL(`${REDIRECT_URI}?${new URLSearchParams(parameters).toString()}`),
  expectedState,
  redirectUri: REDIRECT_URI,
  pkceVerifier: null,
});
const HAPPY = { state: 'state-1', code: 'code-1', scope: 'read,activity:read_all' };

describe('authorizationRequest', () => {
  test('Strava: commas between scopes, no PKCE', async () => {
    const runtime = provider.runtime('strava');
    const { url, pkceVerifier } = await authorizationRequest(runtime, {
      redirectUri: REDIRECT_URI,
      state: 'state-1',
    });
    expect(pkceVerifier).toBeNull();
    expect(url.startsWith(`${provider.url}/authorize?`)).toBe(true);
    expect(Object.fromEntries(new URL(url).searchParams)).toEqual({
      approval_prompt: 'auto',
      response_type: 'code',
      client_id: 'client-1',
      redirect_uri: REDIRECT_URI,
      scope: 'read,activity:read_all,profile:read_all',
      state: 'state-1',
    });
  });

  test('Google: S256 challenge of the verifier, offline access, consent', async () => {
    const runtime = provider.runtime('google_health');
    const { url, pkceVerifier } = await authorizationRequest(runtime, {
      redirectUri: REDIRECT_URI,
      state: 'state-1',
    });
    const challenge = createHash('sha256')
      .update(pkceVerifier ?? '')
      .digest('base64url');
    expect(Object.fromEntries(new URL(url).searchParams)).toMatchObject({
      code_challenge: challenge,
      code_challenge_method: 'S256',
      access_type: 'offline',
      prompt: 'consent',
      scope: runtime.auth.scopes.join(' '),
    });
  });

  test('says which setting is missing', async () => {
    const runtime = provider.runtime('strava', { PROVIDER_STRAVA_CLIENT_ID: '' });
    await expect(
      authorizationRequest(runtime, { redirectUri: REDIRECT_URI, state: 's' }),
    ).rejects.toMatchObject({
      code: 'provider_not_configured',
      message: expect.stringContaining('PROVIDER_STRAVA_CLIENT_ID') as string,
    });
  });
});

describe('exchangeCode', () => {
  test('Strava: scopes from the redirect, the athlete in raw, no token in raw', async () => {
    provider.answerWith(200, STRAVA_TOKENS);
    const before = Date.now();
    const tokens = await exchangeCode(provider.runtime('strava'), callback(HAPPY));
    expect(tokens).toMatchObject({
      accessToken: 'access-1',
      refreshToken: 'refresh-1',
      grantedScopes: ['read', 'activity:read_all'],
      raw: { athlete: { id: 4711042 } },
    });
    expect(JSON.stringify(tokens.raw)).not.toMatch(/access-1|refresh-1/);
    expect(tokens.expiresAt!.getTime() - before).toBeGreaterThanOrEqual(21_600_000);
    expect(tokens.expiresAt!.getTime() - Date.now()).toBeLessThanOrEqual(21_600_000);
    expect(Object.fromEntries(provider.seen[0]!.form)).toEqual({
      grant_type: 'authorization_code',
      code: 'code-1',
      redirect_uri: REDIRECT_URI,
      client_id: 'client-1',
      client_secret: 's3cret/+ü',
    });
  });

  test('Google: scopes from the token answer, the verifier is sent', async () => {
    provider.answerWith(200, GOOGLE_TOKENS);
    const tokens = await exchangeCode(provider.runtime('google_health'), {
      ...callback({ ...HAPPY, scope: 'all of them', iss: 'https://accounts.google.com' }),
      pkceVerifier: 'v'.repeat(43),
    });
    expect(tokens.grantedScopes).toEqual([GOOGLE_TOKENS.scope]);
    expect(provider.seen[0]!.form.get('code_verifier')).toBe('v'.repeat(43));
  });

  test('a stand-in may state an issuer of its own origin', async () => {
    provider.answerWith(200, GOOGLE_TOKENS);
    const iss = `${new URL(provider.runtime('google_health').auth.authorizationUrl).origin}/issuer`;
    const exchange = exchangeCode(provider.runtime('google_health'), {
      ...callback({ ...HAPPY, iss }),
      pkceVerifier: 'v'.repeat(43),
    });
    await expect(exchange).resolves.toMatchObject({ accessToken: GOOGLE_TOKENS.access_token });
  });

  test.each([
    ['another state', { ...HAPPY, state: 'state-2' }, 'connect_state_invalid'],
    ['no state', { code: 'code-1' }, 'connect_state_invalid'],
    ['another issuer', { ...HAPPY, iss: 'https://evil.example' }, 'connect_state_invalid'],
    ['no code', { state: 'state-1' }, 'connect_state_invalid'],
    ['a denied consent', { state: 'state-1', error: 'access_denied' }, 'consent_denied'],
    ['a denied consent of another state', { state: 'x', error: 'access_denied' }, 'connect_state_invalid'],
    ['a scope we may not ask for', { state: 'state-1', error: 'invalid_scope' }, 'provider_rejected'],
    ['a provider failure', { state: 'state-1', error: 'server_error' }, 'provider_unavailable'],
  ])('%s never reaches the token endpoint', async (_what, parameters, code) => {
    const exchange = exchangeCode(provider.runtime('google_health'), callback(parameters));
    await expect(exchange).rejects.toMatchObject({ code });
    expect(provider.seen).toHaveLength(0);
  });

  test.each([
    ['a spent code', 400, { error: 'invalid_grant' }, 'connect_state_invalid'],
    ['a wrong redirect URI', 400, { error: 'redirect_uri_mismatch' }, 'provider_rejected'],
    ['a wrong secret', 401, { error: 'invalid_client' }, 'provider_client_invalid'],
    ['an HTML page', 200, HTML, 'provider_unavailable'],
    ['no access token', 200, { token_type: 'Bearer' }, 'provider_unavailable'],
  ])('%s', async (_what, status, body, code) => {
    provider.answerWith(status, body);
    const exchange = exchangeCode(provider.runtime('google_health'), callback(HAPPY));
    await expect(exchange).rejects.toMatchObject({ code });
  });
});

describe('refreshTokens', () => {
  test('a rotated refresh token is handed on', async () => {
    provider.answerWith(200, { ...STRAVA_TOKENS, refresh_token: 'refresh-2' });
    const tokens = await refreshTokens(provider.runtime('strava'), 'refresh-1');
    expect(Object.keys(tokens).sort()).toEqual(['accessToken', 'expiresAt', 'refreshToken']);
    expect(tokens.refreshToken).toBe('refresh-2');
    expect(Object.fromEntries(provider.seen[0]!.form)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-1',
      client_id: 'client-1',
      client_secret: 's3cret/+ü',
    });
  });

  test.each([
    ['absent', {}],
    ['null', { refresh_token: null }],
    ['empty', { refresh_token: '' }],
  ])('an %s refresh token means: keep the old one', async (_what, more) => {
    const { refresh_token: _old, ...rest } = GOOGLE_TOKENS;
    provider.answerWith(200, { ...rest, ...more });
    const tokens = await refreshTokens(provider.runtime('google_health'), 'refresh-1');
    expect(tokens).toMatchObject({ accessToken: 'access-1', refreshToken: null });
  });

  test.each([
    [
      'google_health',
      'a dead grant',
      400,
      { error: 'invalid_grant', error_description: 'Bad Request' },
      'reauth_required',
    ],
    ['google_health', 'a wrong client', 401, { error: 'invalid_client' }, 'provider_client_invalid'],
    ['google_health', 'another refusal', 400, { error: 'invalid_request' }, 'provider_rejected'],
    ['strava', 'a dead grant in its own form', 400, STRAVA_DEAD, 'reauth_required'],
    ['strava', 'a wrong client in its own form', 400, STRAVA_BAD_CLIENT, 'provider_client_invalid'],
    [
      'strava',
      'too many requests',
      429,
      { message: 'Rate Limit Exceeded', errors: [] },
      'provider_rate_limited',
    ],
    ['strava', 'an HTML 502', 502, HTML, 'provider_unavailable'],
    ['strava', 'an HTML 403 of a firewall', 403, HTML, 'provider_unavailable'],
    ['strava', 'an HTML 200', 200, HTML, 'provider_unavailable'],
    ['strava', 'a list', 200, [1], 'provider_unavailable'],
    [
      'strava',
      'an unknown token type',
      200,
      { access_token: 'access-1', token_type: 'mac' },
      'provider_unavailable',
    ],
  ] as const)('%s: %s', async (id, _what, status, body, code) => {
    provider.answerWith(status, body);
    const error = await refreshTokens(provider.runtime(id), 'refresh-1').catch((e: unknown) => e);
    expect(error).toMatchObject({ code });
    const told = JSON.stringify(error, ['message', 'cause', 'details']) + String((error as Error).cause);
    expect(told).not.toMatch(/access-1|refresh-1|s3cret/);
  });

  test('a connection cut in the middle of the answer', async () => {
    provider.answerBy((_, response) => {
      response.writeHead(200, { 'content-length': '500' }).write('{"access');
      response.destroy();
    });
    const refresh = refreshTokens(provider.runtime('strava'), 'refresh-1');
    await expect(refresh).rejects.toMatchObject({ code: 'provider_unavailable' });
  });

  test('a redirect is not followed with our secret', async () => {
    provider.answerWith(307, '', { location: `${provider.url}/elsewhere` });
    const refresh = refreshTokens(provider.runtime('strava'), 'refresh-1');
    await expect(refresh).rejects.toMatchObject({ code: 'provider_unavailable' });
    expect(provider.seen.map((r) => r.path)).toEqual(['/token']);
  });
});

describe('revokeTokens', () => {
  const tokens = { accessToken: 'access-1', refreshToken: 'refresh-1' };

  test('Strava: Basic authentication, the refresh token', async () => {
    provider.answerWith(200, {});
    await revokeTokens(provider.runtime('strava'), tokens);
    const { headers, form } = provider.seen[0]!;
    expect(headers.authorization).toMatch(/^Basic /);
    expect(Object.fromEntries(form)).toEqual({ token: 'refresh-1', token_type_hint: 'refresh_token' });
  });

  test('Google: no client authentication; without a refresh token the access token', async () => {
    provider.answerWith(200, {});
    await revokeTokens(provider.runtime('google_health'), { ...tokens, refreshToken: null });
    expect(provider.seen[0]!.headers.authorization).toBeUndefined();
    expect(provider.seen[0]!.form.get('token')).toBe('access-1');
    expect(provider.seen[0]!.form.get('client_secret')).toBeNull();
  });

  test('already gone is success', async () => {
    provider.answerWith(400, { error: 'invalid_token' });
    await expect(revokeTokens(provider.runtime('google_health'), tokens)).resolves.toBeUndefined();
  });

  test.each([
    [503, HTML, 'provider_unavailable'],
    [401, STRAVA_BAD_CLIENT, 'provider_client_invalid'],
    [400, { message: 'Bad Request' }, 'provider_rejected'],
  ])('status %i', async (status, body, code) => {
    provider.answerWith(status, body);
    await expect(revokeTokens(provider.runtime('strava'), tokens)).rejects.toMatchObject({ code });
  });
});
