import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import { dropAfterCommit } from '../fault-hook';
import { authorizeRoutes } from '../oauth/authorize.routes';
import { readBasicAuth } from '../oauth/client-registry';
import type { Grant, Token } from '../oauth/token-vault';
import { athleteOf } from './athlete';
import { announceDeauthorization } from './events';
import { badRequest, faultBody, invalidAccessToken, invalidClient } from './refusals';

const ACCESS_LIFETIME_S = 21_600;
const KEEP_ACCESS_ABOVE_MS = 3_600_000;

const SCOPES: Readonly<Record<string, string>> = {
  read: 'View data about your public profile',
  read_all: 'View private routes, segments and events',
  'profile:read_all': 'View your complete profile, with weight and zones',
  'profile:write': 'Update your weight',
  'activity:read': 'View your activities',
  'activity:read_all': 'View all your activities, also those visible to you only',
  'activity:write': 'Create and edit activities',
};

const tokenRequestSchema = z.object({
  grant_type: z.string().optional(),
  client_id: z.coerce.string().default(''),
  client_secret: z.string().default(''),
  code: z.string().default(''),
  refresh_token: z.string().default(''),
});

const revokeRequestSchema = z.object({
  token: z.string().min(1),
  token_type_hint: z.enum(['access_token', 'refresh_token']).optional(),
});

/** Strava's OAuth endpoints, after sheet §2. Codes and tokens follow the one grant of (app, athlete). */
export function stravaOAuthRoutes(app: FastifyInstance, context: SandboxContext): void {
  authorizeRoutes(app, context, {
    provider: 'strava',
    label: 'Strava',
    path: '/strava/oauth/authorize',
    scopeSeparator: ',',
    isKnownScope: (scope) => Object.hasOwn(SCOPES, scope),
    describeScope: (scope) => SCOPES[scope] ?? scope,
    refuse: (reply, field) => reply.code(400).send(faultBody('Bad Request', 'Application', field, 'invalid')),
    wantsRefreshToken: () => true,
  });

  const token = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const form = tokenRequestSchema.safeParse(request.body ?? {});
    if (!form.success)
      throw badRequest('Application', String(form.error.issues[0]?.path[0] ?? ''), 'invalid');
    const { client_id: clientId, client_secret: secret } = form.data;
    if (clientId === '') throw invalidClient('client_id');
    if (!context.clients.isValid('strava', clientId, secret)) throw invalidClient('client_secret');
    if (form.data.grant_type === 'refresh_token') {
      const answer = refresh(context, clientId, form.data.refresh_token);
      return dropAfterCommit(context, 'strava', answer.accountName, request, reply) ?? answer.body;
    }
    if (form.data.grant_type !== undefined && form.data.grant_type !== 'authorization_code')
      throw badRequest('Application', 'grant_type', 'invalid');
    const answer = exchange(context, clientId, form.data.code);
    return dropAfterCommit(context, 'strava', answer.accountName, request, reply) ?? answer.body;
  };
  app.post('/strava/oauth/token', token);
  app.post('/strava/api/v3/oauth/token', token);

  app.post('/strava/oauth/revoke', async (request) => {
    const client = readBasicAuth(request.headers.authorization);
    if (client === null) throw invalidClient('client_id');
    if (!context.clients.isValid('strava', client.id, client.secret)) throw invalidClient('client_secret');
    const form = revokeRequestSchema.safeParse(request.body ?? {});
    if (!form.success) throw badRequest('Application', 'token', 'invalid');
    const found =
      context.vault.find(form.data.token, 'refresh') ?? context.vault.find(form.data.token, 'access');
    if (found?.grant.clientId === client.id) revokeStravaGrant(context, found.grant);
    return {};
  });

  app.post('/strava/oauth/deauthorize', async (request) => {
    const form = z.object({ access_token: z.string().optional() }).safeParse(request.body ?? {});
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const value = bearer ?? form.data?.access_token ?? '';
    const found = context.vault.find(value, 'access');
    if (found?.grant.provider !== 'strava') throw invalidAccessToken();
    revokeStravaGrant(context, found.grant);
    return { access_token: value };
  });
}

/** Ends a grant as the athlete's own click would, with the deauthorization event. */
export function revokeStravaGrant(context: SandboxContext, grant: Grant): void {
  grant.revoked = true;
  context.stats.countRevocation('strava', grant.accountName);
  announceDeauthorization(context, grant);
}

interface TokenAnswer {
  accountName: string;
  body: Record<string, unknown>;
}

function exchange(context: SandboxContext, clientId: string, code: string): TokenAnswer {
  const content = context.codes.redeem('strava', code);
  if (content === undefined || content.clientId !== clientId)
    throw badRequest('AuthorizationCode', 'code', 'invalid');
  const account = context.store.find('strava', content.accountName);
  if (account === undefined) throw badRequest('AuthorizationCode', 'code', 'invalid');
  const grant = context.vault.grant('strava', account.name, clientId, content.scopes);
  const refreshToken =
    context.vault.newest(grant, 'refresh') ?? context.vault.issue(grant, 'refresh', 'e5n', null);
  const body = tokenBody(context, accessTokenFor(context, grant), refreshToken);
  return { accountName: account.name, body: { ...body, athlete: athleteOf(account, false) } };
}

/** Rotates: the shown refresh token dies at once. A wrong client's token is as dead as an unknown one. */
function refresh(context: SandboxContext, clientId: string, value: string): TokenAnswer {
  const shown = context.vault.find(value, 'refresh');
  if (shown?.grant.provider !== 'strava' || shown.grant.clientId !== clientId)
    throw badRequest('RefreshToken', 'code', 'invalid');
  shown.dead = true;
  const next = context.vault.issue(shown.grant, 'refresh', 'e5n', null);
  context.stats.countRefresh('strava', shown.grant.accountName);
  return {
    accountName: shown.grant.accountName,
    body: tokenBody(context, accessTokenFor(context, shown.grant), next),
  };
}

/** The present access token while it has more than an hour left, else a new one. */
function accessTokenFor(context: SandboxContext, grant: Grant): Token {
  const present = context.vault.newest(grant, 'access');
  if (present !== undefined && present.expiresAtMs - context.now() > KEEP_ACCESS_ABOVE_MS) return present;
  return context.vault.issue(grant, 'access', 'a4b', ACCESS_LIFETIME_S * 1000);
}

function tokenBody(context: SandboxContext, access: Token, refreshToken: Token): Record<string, unknown> {
  return {
    token_type: 'Bearer',
    expires_at: Math.floor(access.expiresAtMs / 1000),
    expires_in: Math.max(0, Math.floor((access.expiresAtMs - context.now()) / 1000)),
    refresh_token: refreshToken.value,
    access_token: access.value,
  };
}
