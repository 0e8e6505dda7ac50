import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import type { SandboxProvider } from '../providers';
import { renderAuthorizePage, renderErrorPage } from './authorize-page';

const accountsShown = 100;

/** The authorization request, RFC 6749 §4.1.1, with PKCE of RFC 7636 §4.3. */
const authorizeRequestSchema = z.object({
  client_id: z.string().min(1),
  redirect_uri: z.url({ protocol: /^https?$/ }),
  response_type: z.literal('code'),
  scope: z.string().min(1),
  state: z.string().optional(),
  code_challenge: z.string().min(43).max(128).optional(),
  code_challenge_method: z.literal('S256').optional(),
  access_type: z.enum(['online', 'offline']).optional(),
  prompt: z.string().optional(),
  approval_prompt: z.enum(['auto', 'force']).optional(),
});

type AuthorizeRequest = z.output<typeof authorizeRequestSchema>;

/** The consent form. `requested_scope` carries the request's `scope`; `scope` is what the user left ticked. */
const consentSchema = authorizeRequestSchema.omit({ scope: true }).extend({
  requested_scope: z.string().min(1),
  account: z.string().min(1),
  scope: z.union([z.string(), z.array(z.string())]).default([]),
  decision: z.enum(['allow', 'deny']),
});

/** How one provider's authorization endpoint differs from the others'. */
export interface AuthorizeDialect {
  provider: SandboxProvider;
  label: string;
  path: string;
  scopeSeparator: ' ' | ',';
  isKnownScope(scope: string): boolean;
  describeScope(scope: string): string;
  /** Answers a request that cannot even be redirected. */
  refuse(reply: FastifyReply, field: string, message: string): FastifyReply;
  /** False: an offline request gets a refresh token only on first consent or with `prompt=consent`. */
  wantsRefreshToken(request: AuthorizeRequest, isFirstConsent: boolean): boolean;
}

/** Adds the consent page (GET) and the user's decision (POST) of one provider. */
export function authorizeRoutes(
  app: FastifyInstance,
  context: SandboxContext,
  dialect: AuthorizeDialect,
): void {
  const splitScopes = (text: string): string[] => text.split(dialect.scopeSeparator).filter((s) => s !== '');
  const wrongScope = (text: string): string | undefined =>
    splitScopes(text).find((scope) => !dialect.isKnownScope(scope));
  const refuseIssue = (reply: FastifyReply, error: z.ZodError): FastifyReply => {
    const issue = error.issues[0];
    return dialect.refuse(reply, String(issue?.path[0] ?? 'request'), issue?.message ?? 'invalid');
  };

  app.get(dialect.path, async (request, reply) => {
    const parsed = authorizeRequestSchema.safeParse(request.query);
    if (!parsed.success) return refuseIssue(reply, parsed.error);
    const wrong = wrongScope(parsed.data.scope);
    if (wrong !== undefined) return dialect.refuse(reply, 'scope', `unknown scope ${wrong}`);
    const { scope, ...carried } = parsed.data;
    return reply.type('text/html; charset=utf-8').send(
      renderAuthorizePage({
        providerLabel: dialect.label,
        action: dialect.path,
        clientId: parsed.data.client_id,
        accounts: context.store
          .list(dialect.provider)
          .slice(0, accountsShown)
          .map((a) => ({ name: a.name, title: `${a.name} (${a.id})` })),
        scopes: splitScopes(scope).map((value) => ({ value, title: dialect.describeScope(value) })),
        hidden: { ...withoutUndefined(carried), requested_scope: scope },
      }),
    );
  });

  app.post(dialect.path, async (request, reply) => {
    const parsed = consentSchema.safeParse(request.body);
    if (!parsed.success) return refuseIssue(reply, parsed.error);
    const form = parsed.data;
    const account = context.store.find(dialect.provider, form.account);
    if (account === undefined) {
      const page = renderErrorPage('No such account', `There is no sandbox account "${form.account}".`);
      return reply.code(400).type('text/html; charset=utf-8').send(page);
    }
    const requested = splitScopes(form.requested_scope);
    const ticked = new Set([form.scope].flat());
    const accepted = requested.filter((scope) => ticked.has(scope));
    const target = new URL(form.redirect_uri);
    if (form.state !== undefined) target.searchParams.set('state', form.state);
    if (form.decision === 'deny' || accepted.length === 0) {
      target.searchParams.set('error', 'access_denied');
      return reply.redirect(target.href, 302);
    }
    const isFirst = context.vault.findGrant(dialect.provider, account.name, form.client_id) === undefined;
    const code = context.codes.issue({
      provider: dialect.provider,
      accountName: account.name,
      clientId: form.client_id,
      redirectUri: form.redirect_uri,
      scopes: accepted,
      codeChallenge: form.code_challenge,
      wantsRefreshToken: dialect.wantsRefreshToken({ ...form, scope: form.requested_scope }, isFirst),
    });
    target.searchParams.set('code', code);
    target.searchParams.set('scope', accepted.join(dialect.scopeSeparator));
    return reply.redirect(target.href, 302);
  });
}

const withoutUndefined = (fields: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
