import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import type { Grant } from '../oauth/token-vault';
import type { StravaAccount } from '../store';
import { sliceOf } from '../timed-stream';
import { type StravaActivity, STREAM_KEYS, detailOf, samplesOf, summaryJsonOf } from './activity';
import { athleteOf } from './athlete';
import { badRequest, invalidAccessToken, missingScope, rateLimitExceeded, recordNotFound } from './refusals';

const epoch = z.coerce.number().int();

const listQuerySchema = z.object({
  before: epoch.optional(),
  after: epoch.optional(),
  page: z.coerce.number().int().min(1).default(1),
  per_page: z.coerce.number().int().min(1).max(200).default(30),
});

type ListQuery = z.output<typeof listQuerySchema>;

const streamsQuerySchema = z.object({
  keys: z.string().min(1),
  key_by_type: z.enum(['true', 'false', '1', '0']).default('false'),
});

interface Caller {
  account: StravaAccount;
  grant: Grant;
}

/** Strava's data endpoints, after sheet §3. */
export function stravaApiRoutes(app: FastifyInstance, context: SandboxContext): void {
  const enter = (request: FastifyRequest, reply: FastifyReply): Caller => {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const token = context.vault.find(bearer, 'access');
    const account = context.store.find('strava', token?.grant.accountName ?? '');
    if (token?.grant.provider !== 'strava' || account === undefined) throw invalidAccessToken();
    const decision = context.stravaRateLimit.count(token.grant.clientId, request.method === 'GET');
    if (decision.exceeded !== null) {
      context.stats.countRateLimited('strava');
      context.stats.countOverrun('strava');
      throw rateLimitExceeded(decision.exceeded, decision.headers);
    }
    void reply.headers(decision.headers);
    return { account, grant: token.grant };
  };

  const activityFor = (caller: Caller, id: string): StravaActivity => {
    requireReading(caller.grant);
    caller.account.activities.noteRead();
    const activity = caller.account.activities.get(id);
    if (activity === undefined || !maySee(caller.grant, activity)) throw recordNotFound('Activity');
    return activity;
  };

  app.get('/strava/api/v3/athlete', async (request, reply) => {
    const { account, grant } = enter(request, reply);
    return athleteOf(account, grant.scopes.includes('profile:read_all'));
  });

  app.get('/strava/api/v3/athlete/activities', async (request, reply) => {
    const { account, grant } = enter(request, reply);
    requireReading(grant);
    const query = listQuerySchema.safeParse(request.query);
    if (!query.success)
      throw badRequest('Application', String(query.error.issues[0]?.path[0] ?? ''), 'invalid');
    account.activities.noteRead();
    const page = pageOf(account.activities.items, query.data).filter((a) => maySee(grant, a));
    return reply.type('application/json; charset=utf-8').send(`[${page.map(summaryJsonOf).join(',')}]`);
  });

  app.get<{ Params: { id: string } }>('/strava/api/v3/activities/:id', async (request, reply) =>
    detailOf(activityFor(enter(request, reply), request.params.id)),
  );

  app.get<{ Params: { id: string } }>('/strava/api/v3/activities/:id/streams', async (request, reply) => {
    const activity = activityFor(enter(request, reply), request.params.id);
    const query = streamsQuerySchema.safeParse(request.query);
    if (!query.success) throw badRequest('Application', 'keys', 'invalid');
    if (activity.isManual) throw recordNotFound('Stream');
    const wanted = new Set([...query.data.keys.split(','), 'time', 'distance']);
    const found = STREAM_KEYS.filter((key) => wanted.has(key)).flatMap((key) => {
      const data = samplesOf(activity, key);
      return data === undefined
        ? []
        : [{ type: key, data, series_type: 'distance', original_size: data.length, resolution: 'high' }];
    });
    if (['false', '0'].includes(query.data.key_by_type)) return found;
    return Object.fromEntries(found.map(({ type, ...stream }) => [type, stream]));
  });
}

function requireReading(grant: Grant): void {
  if (!grant.scopes.some((scope) => scope === 'activity:read' || scope === 'activity:read_all'))
    throw missingScope('activity:read_permission');
}

const maySee = (grant: Grant, activity: StravaActivity): boolean =>
  !activity.isPrivate || grant.scopes.includes('activity:read_all');

/**
 * One page. Oldest first with `after` alone, else newest first. What the app may not see is left out by the
 * caller after paging, so pages can be short before the end, as Strava's documentation warns.
 */
function pageOf(newestFirst: readonly StravaActivity[], query: ListQuery): readonly StravaActivity[] {
  const fromMs = query.after === undefined ? Number.NEGATIVE_INFINITY : query.after * 1000 + 1;
  const toMs = query.before === undefined ? Number.POSITIVE_INFINITY : query.before * 1000;
  const { lo, hi } = sliceOf(newestFirst, fromMs, toMs);
  const skip = (query.page - 1) * query.per_page;
  if (query.after !== undefined && query.before === undefined)
    return newestFirst.slice(Math.max(lo, hi - skip - query.per_page), Math.max(lo, hi - skip)).toReversed();
  return newestFirst.slice(Math.min(hi, lo + skip), Math.min(hi, lo + skip + query.per_page));
}
