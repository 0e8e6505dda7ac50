import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import { stravaLimitsSchema } from '../config';
import type { SandboxContext } from '../context';
import { weightListJson, weightReconcileJson } from '../google-health/weight-point';
import { summaryJsonOf } from '../strava/activity';
import { revokeGoogleGrant } from '../google-health/oauth.routes';
import { SANDBOX_PROVIDERS } from '../providers';
import type { Account } from '../store';
import { revokeStravaGrant } from '../strava/oauth.routes';
import { findAccount, readInput, readProvider } from './read-input';

const MAX_RECORDS = 5_000_000;

const total = z.number().int().min(0).max(MAX_RECORDS);

const sizeBodySchema = z.strictObject({
  days: z.number().int().min(1).max(20_000).optional(),
  weightsPerDay: z.number().int().min(0).max(100_000).optional(),
  weights: total.optional(),
  activities: total.optional(),
  /** Makes and renders all data at once instead of on first use, so that a bench starts at full speed. */
  warm: z.boolean().default(false),
});

const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$/, 'must be 1 to 100 plain characters');

const limitsBodySchema = z.strictObject({
  strava: stravaLimitsSchema.optional(),
  googleHealthPerMinute: z.number().int().min(0).optional(),
});

const resetBodySchema = z.strictObject({ seed: z.coerce.string().min(1).optional() });

interface Params {
  provider: string;
  account: string;
}

const shown = ({ provider, name, id, zone, size }: Account): unknown => ({ provider, name, id, zone, size });

function renderAll(account: Account): void {
  if (account.provider === 'strava') account.activities.items.forEach(summaryJsonOf);
  else
    for (const point of account.weights.items) {
      weightListJson(point, account.id);
      weightReconcileJson(point, account.id);
    }
}

/** Accounts, limits, reset and figures under `/control`. */
export function controlAccountRoutes(
  app: FastifyInstance,
  context: SandboxContext,
  reset: (seed: string) => void,
): void {
  app.get('/control/health', async () => ({ status: 'ok', seed: context.store.seed }));

  app.post('/control/reset', async (request) => {
    const { seed } = readInput(resetBodySchema, request.body);
    reset(seed ?? context.store.seed);
    return { seed: context.store.seed };
  });

  app.get('/control/accounts', async () => ({
    accounts: SANDBOX_PROVIDERS.flatMap((provider) => context.store.list(provider).map(shown)),
  }));

  app.put<{ Params: Params }>('/control/accounts/:provider/:account', async (request) => {
    const provider = readProvider(request.params.provider);
    const name = readInput(nameSchema, request.params.account);
    const { warm, ...body } = readInput(sizeBodySchema, request.body);
    const size = {
      ...body,
      days: body.days ?? context.config.days,
      weightsPerDay: body.weightsPerDay ?? context.config.weightsPerDay,
    };
    const perDay = Math.max(size.weightsPerDay, (size.weights ?? 0) / size.days);
    if (perDay > 100_000 || (size.activities ?? 0) / size.days > 2000)
      throw new AppError('invalid_request', 'a day holds at most 100000 weights and 2000 activities');
    if (size.weights === undefined && size.weightsPerDay * size.days > MAX_RECORDS)
      throw new AppError('invalid_request', `an account holds at most ${MAX_RECORDS} weights`);
    const present = context.store.find(provider, name);
    const account = context.store.define(provider, present?.name ?? name, size);
    if (warm) renderAll(account);
    return shown(account);
  });

  app.post<{ Params: Params }>('/control/revoke/:provider/:account', async (request) => {
    const provider = readProvider(request.params.provider);
    const account = findAccount(context, provider, request.params.account);
    const grants = context.vault.grantsOf(provider, account.name);
    for (const grant of grants)
      if (provider === 'strava') revokeStravaGrant(context, grant);
      else revokeGoogleGrant(context, grant);
    return { revokedGrants: grants.length };
  });

  app.put('/control/limits', async (request) => {
    const body = readInput(limitsBodySchema, request.body);
    if (body.strava !== undefined) context.stravaRateLimit.limits = body.strava;
    if (body.googleHealthPerMinute !== undefined)
      context.googleQuota.limitPerMinute = body.googleHealthPerMinute;
    return {
      strava: context.stravaRateLimit.limits,
      googleHealthPerMinute: context.googleQuota.limitPerMinute,
    };
  });

  app.get('/control/stats', async () => ({
    ...context.stats.snapshot(),
    liveTokens: context.vault.countLive(),
  }));
}
