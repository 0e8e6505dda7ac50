import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from '../context';
import { installFaults } from '../fault-hook';
import { acceptForms } from '../form-body';
import { installRefusals } from '../provider-errors';
import { ProviderRefusal } from '../provider-refusal';
import { googleDataRoutes } from './data.routes';
import { googleOAuthRoutes } from './oauth.routes';
import { googleProfileRoutes } from './profile.routes';
import { failedPrecondition, googleError, permissionDenied, quotaExceeded } from './refusals';
import { googleSubscriberRoutes } from './subscribers.routes';

const internal = (): unknown => googleError(500, 'INTERNAL', 'Internal error encountered.');

/** Everything the sandbox's Google Health serves. */
export async function googleHealthPlugin(app: FastifyInstance, context: SandboxContext): Promise<void> {
  acceptForms(app);
  installRefusals(app, context, (status) =>
    status >= 500
      ? internal()
      : googleError(status, 'INVALID_ARGUMENT', 'Request contains an invalid argument.'),
  );
  installFaults(app, context, {
    provider: 'google_health',
    isDataPath: (path) => path.startsWith('/google-health/v4/users/'),
    rateLimited: quotaExceeded,
    serverError: () => new ProviderRefusal(500, internal()),
    forbidden: permissionDenied,
    accountNotLinked: () =>
      failedPrecondition(
        'The Google account is not linked to a Google Health profile.',
        'ACCOUNT_NOT_LINKED',
      ),
  });
  googleOAuthRoutes(app, context);
  googleProfileRoutes(app, context);
  googleDataRoutes(app, context);
  googleSubscriberRoutes(app, context);
  app.get('/google-health/webhooks/webhooks_public_keyset.json', async () =>
    context.googleSigner.publicKeyset(),
  );
}
