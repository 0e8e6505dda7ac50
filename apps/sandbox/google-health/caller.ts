import type { FastifyRequest } from 'fastify';
import type { SandboxContext } from '../context';
import type { Grant } from '../oauth/token-vault';
import type { GoogleHealthAccount } from '../store';
import { insufficientScope, quotaExceeded, unauthenticated } from './refusals';

const SCOPE_PREFIX = 'https://www.googleapis.com/auth/googlehealth.';

export interface Caller {
  account: GoogleHealthAccount;
  grant: Grant;
}

/** Checks token, quota and scope of a data request. @throws ProviderRefusal 401, 429 or 403 */
export function enter(context: SandboxContext, request: FastifyRequest, scopeName: string | null): Caller {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
  const token = context.vault.find(bearer, 'access');
  const account = context.store.find('google_health', token?.grant.accountName ?? '');
  if (token?.grant.provider !== 'google_health' || account === undefined) throw unauthenticated();
  if (!context.googleQuota.take(account.id)) {
    context.stats.countRateLimited('google_health');
    context.stats.countOverrun('google_health');
    throw quotaExceeded();
  }
  if (scopeName !== null && !token.grant.scopes.includes(`${SCOPE_PREFIX}${scopeName}.readonly`))
    throw insufficientScope();
  return { account, grant: token.grant };
}

/** The scope each data type needs. */
export const SCOPE_OF_TYPE = {
  weight: 'health_metrics_and_measurements',
  exercise: 'activity_and_fitness',
} as const;

export const isGoogleScope = (scope: string): boolean =>
  /^https:\/\/www\.googleapis\.com\/auth\/googlehealth\.[a-z_]+\.(readonly|writeonly)$/.test(scope) ||
  ['openid', 'email', 'profile'].includes(scope);

export const canRead = (grant: Grant, dataType: keyof typeof SCOPE_OF_TYPE): boolean =>
  grant.scopes.includes(`${SCOPE_PREFIX}${SCOPE_OF_TYPE[dataType]}.readonly`);
