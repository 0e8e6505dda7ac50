import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from '../context';
import { installFaults } from '../fault-hook';
import { acceptForms } from '../form-body';
import { installRefusals } from '../provider-errors';
import { ProviderRefusal } from '../provider-refusal';
import { stravaApiRoutes } from './api.routes';
import { stravaOAuthRoutes } from './oauth.routes';
import { stravaPushSubscriptionRoutes } from './push-subscriptions.routes';
import { faultBody, rateLimitExceeded } from './refusals';

const isDataPath = (path: string): boolean => /^\/strava\/api\/v3\/(?!push_subscriptions|oauth)/.test(path);

/** Everything the sandbox's Strava serves. */
export async function stravaPlugin(app: FastifyInstance, context: SandboxContext): Promise<void> {
  acceptForms(app);
  installRefusals(app, context, (status) =>
    faultBody(status >= 500 ? 'Internal Server Error' : 'Bad Request'),
  );
  installFaults(app, context, {
    provider: 'strava',
    isDataPath,
    rateLimited: () => rateLimitExceeded('read rate limit', context.stravaRateLimit.usedUpHeaders()),
    serverError: () => new ProviderRefusal(500, faultBody('Internal Server Error')),
    forbidden: () => new ProviderRefusal(403, faultBody('Forbidden', 'Athlete', 'access', 'forbidden')),
    accountNotLinked: () => new ProviderRefusal(403, faultBody('Forbidden')),
  });
  stravaOAuthRoutes(app, context);
  stravaApiRoutes(app, context);
  stravaPushSubscriptionRoutes(app, context);
}
