import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import { badRequest, invalidClient, recordNotFound } from './refusals';

const HANDSHAKE_TIMEOUT_MS = 2000;

const clientSchema = z.object({ client_id: z.coerce.string(), client_secret: z.string() });

const createSchema = clientSchema.extend({
  callback_url: z.url({ protocol: /^https?$/ }).max(255),
  verify_token: z.string().default(''),
});

const challengeAnswerSchema = z.object({ 'hub.challenge': z.string() });

/** `push_subscriptions` with the verification GET during the POST, after sheet §6. */
export function stravaPushSubscriptionRoutes(app: FastifyInstance, context: SandboxContext): void {
  const path = '/strava/api/v3/push_subscriptions';

  const authenticate = (fields: unknown): string => {
    const client = clientSchema.safeParse(fields);
    if (!client.success) throw invalidClient('client_id');
    const { client_id: id, client_secret: secret } = client.data;
    if (!context.clients.isValid('strava', id, secret)) throw invalidClient('client_secret');
    return id;
  };

  app.post(path, async (request, reply) => {
    const clientId = authenticate(request.body);
    const form = createSchema.safeParse(request.body);
    if (!form.success)
      throw badRequest('PushSubscription', String(form.error.issues[0]?.path[0] ?? ''), 'invalid');
    if (context.stravaSubscriptions.ofClient(clientId) !== undefined)
      throw badRequest('PushSubscription', '', 'already exists');
    const { callback_url: callbackUrl, verify_token: verifyToken } = form.data;
    if (!(await answersChallenge(context, callbackUrl, verifyToken)))
      throw badRequest('PushSubscription', 'callback url', 'not verifiable');
    const made = context.stravaSubscriptions.add(
      clientId,
      callbackUrl,
      new Date(context.now()).toISOString(),
    );
    return reply.code(201).headers(context.stravaRateLimit.headers(clientId, false)).send({ id: made.id });
  });

  app.get(path, async (request) => {
    const clientId = authenticate(request.query);
    const present = context.stravaSubscriptions.ofClient(clientId);
    if (present === undefined) return [];
    return [
      {
        id: present.id,
        resource_state: 2,
        application_id: Number(clientId) || 1,
        callback_url: present.callbackUrl,
        created_at: present.createdAt,
        updated_at: present.createdAt,
      },
    ];
  });

  app.delete<{ Params: { id: string } }>(`${path}/:id`, async (request, reply) => {
    const inQuery = clientSchema.safeParse(request.query).success;
    const clientId = authenticate(inQuery ? request.query : request.body);
    const present = context.stravaSubscriptions.ofClient(clientId);
    if (String(present?.id) !== request.params.id) throw recordNotFound('PushSubscription');
    context.stravaSubscriptions.remove(clientId);
    return reply.code(204).send();
  });
}

async function answersChallenge(
  context: SandboxContext,
  callbackUrl: string,
  verifyToken: string,
): Promise<boolean> {
  const challenge = randomBytes(16).toString('hex');
  const url = new URL(callbackUrl);
  url.searchParams.set('hub.mode', 'subscribe');
  url.searchParams.set('hub.challenge', challenge);
  url.searchParams.set('hub.verify_token', verifyToken);
  try {
    const response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS),
    });
    const isJson = response.headers.get('content-type')?.includes('application/json') === true;
    const body = challengeAnswerSchema.safeParse(isJson ? await response.json() : null);
    return response.status === 200 && body.success && body.data['hub.challenge'] === challenge;
  } catch (error) {
    context.log.debug('subscription handshake failed', { url: callbackUrl, error });
    return false;
  }
}
