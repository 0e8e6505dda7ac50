import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import { dropAfterCommit } from '../fault-hook';
import { matchesChallenge } from '../oauth/authorization-codes';
import { renderErrorPage } from '../oauth/authorize-page';
import { authorizeRoutes } from '../oauth/authorize.routes';
import { readBasicAuth } from '../oauth/client-registry';
import type { Grant } from '../oauth/token-vault';
import { isGoogleScope } from './caller';
import { announceRevocation } from './notifications';
import { oauthError } from './refusals';

const ACCESS_LIFETIME_S = 3599;

const tokenRequestSchema = z.object({
  grant_type: z.string().default(''),
  client_id: z.string().default(''),
  client_secret: z.string().default(''),
  code: z.string().default(''),
  redirect_uri: z.string().default(''),
  code_verifier: z.string().optional(),
  refresh_token: z.string().default(''),
});

type TokenRequest = z.output<typeof tokenRequestSchema>;

const revokeRequestSchema = z.object({ token: z.string().min(1) });

/** Google's OAuth endpoints, after sheet §2: offline access, PKCE, a refresh token that stays. */
export function googleOAuthRoutes(app: FastifyInstance, context: SandboxContext): void {
  authorizeRoutes(app, context, {
    provider: 'google_health',
    label: 'Google Health',
    path: '/google-health/o/oauth2/v2/auth',
    scopeSeparator: ' ',
    isKnownScope: isGoogleScope,
    describeScope: (scope) => /googlehealth\.([a-z_]+)\./.exec(scope)?.[1]?.replaceAll('_', ' ') ?? scope,
    refuse: (reply, field, message) =>
      reply
        .code(400)
        .type('text/html; charset=utf-8')
        .send(
          renderErrorPage(
            `Error 400: invalid_${field === 'scope' ? 'scope' : 'request'}`,
            `${field}: ${message}`,
          ),
        ),
    wantsRefreshToken: (request, isFirstConsent) =>
      request.access_type === 'offline' &&
      (isFirstConsent || request.prompt?.split(' ').includes('consent') === true),
  });

  app.post('/google-health/token', async (request, reply) => {
    const parsed = tokenRequestSchema.safeParse(request.body ?? {});
    if (!parsed.success) throw oauthError(400, 'invalid_request', 'A parameter is repeated or malformed.');
    const basic = readBasicAuth(request.headers.authorization);
    const clientId = basic?.id ?? parsed.data.client_id;
    if (!context.clients.isValid('google_health', clientId, basic?.secret ?? parsed.data.client_secret))
      throw oauthError(401, 'invalid_client', 'The provided client secret is invalid.');
    const answer = answerToken(context, clientId, parsed.data);
    const dropped = dropAfterCommit(context, 'google_health', answer.grant.accountName, request, reply);
    return dropped ?? reply.header('cache-control', 'no-store').send(answer.body);
  });

  app.post('/google-health/revoke', async (request) => {
    const form = revokeRequestSchema.safeParse(request.body ?? {});
    const query = revokeRequestSchema.safeParse(request.query);
    const value = form.data?.token ?? query.data?.token ?? '';
    const found = context.vault.find(value, 'refresh') ?? context.vault.find(value, 'access');
    if (found?.grant.provider !== 'google_health')
      throw oauthError(400, 'invalid_token', 'Token expired or revoked');
    revokeGoogleGrant(context, found.grant);
    return {};
  });
}

/** Ends a grant as the user's own click would; Google then sends DELETE notifications. */
export function revokeGoogleGrant(context: SandboxContext, grant: Grant): void {
  announceRevocation(context, grant);
  grant.revoked = true;
  context.stats.countRevocation('google_health', grant.accountName);
}

interface TokenAnswer {
  grant: Grant;
  body: Record<string, unknown>;
}

function answerToken(context: SandboxContext, clientId: string, form: TokenRequest): TokenAnswer {
  if (form.grant_type === 'authorization_code') return exchange(context, clientId, form);
  if (form.grant_type === 'refresh_token') return refresh(context, clientId, form.refresh_token);
  throw oauthError(400, 'unsupported_grant_type', `Invalid grant_type: ${form.grant_type}`);
}

function exchange(context: SandboxContext, clientId: string, form: TokenRequest): TokenAnswer {
  const content = context.codes.redeem('google_health', form.code);
  if (content === undefined || content.clientId !== clientId)
    throw oauthError(400, 'invalid_grant', 'Malformed auth code.');
  if (content.redirectUri !== form.redirect_uri)
    throw oauthError(400, 'redirect_uri_mismatch', 'Bad Request');
  if (content.codeChallenge !== undefined && form.code_verifier === undefined)
    throw oauthError(400, 'invalid_grant', 'Missing code verifier.');
  if (
    content.codeChallenge !== undefined &&
    !matchesChallenge(content.codeChallenge, form.code_verifier ?? '')
  )
    throw oauthError(400, 'invalid_grant', 'Invalid code verifier.');
  const grant = context.vault.grant('google_health', content.accountName, clientId, content.scopes);
  const refreshToken = content.wantsRefreshToken
    ? { refresh_token: context.vault.issue(grant, 'refresh', '1//0', null).value }
    : {};
  return { grant, body: { ...accessBody(context, grant), ...refreshToken } };
}

function refresh(context: SandboxContext, clientId: string, value: string): TokenAnswer {
  const shown = context.vault.find(value, 'refresh');
  if (shown?.grant.provider !== 'google_health' || shown.grant.clientId !== clientId)
    throw oauthError(400, 'invalid_grant', 'Token has been expired or revoked.');
  context.stats.countRefresh('google_health', shown.grant.accountName);
  return { grant: shown.grant, body: accessBody(context, shown.grant) };
}

function accessBody(context: SandboxContext, grant: Grant): Record<string, unknown> {
  const access = context.vault.issue(grant, 'access', 'ya29.', ACCESS_LIFETIME_S * 1000);
  return {
    access_token: access.value,
    expires_in: ACCESS_LIFETIME_S,
    scope: grant.scopes.join(' '),
    token_type: 'Bearer',
  };
}
