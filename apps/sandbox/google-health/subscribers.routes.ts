import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import { isoSeconds } from '../local-time';
import {
  alreadyExists,
  failedPrecondition,
  invalidArgument,
  notFound,
  permissionDenied,
  unauthenticated,
} from './refusals';
import { type Subscriber, type SubscriberBody, subscriberBodySchema } from './subscribers';

const HANDSHAKE_TIMEOUT_MS = 10_000;

const createQuerySchema = z.object({
  subscriberId: z.string().regex(/^[a-z]([a-z0-9-]{2,34}[a-z0-9])$/),
});

interface Params {
  project: string;
  id: string;
}

/** Subscriber CRUD with the two-POST handshake, after sheet §7. Any bearer that is no user's token may call it. */
export function googleSubscriberRoutes(app: FastifyInstance, context: SandboxContext): void {
  const path = '/google-health/v4/projects/:project/subscribers';

  const enter = (request: FastifyRequest): Params => {
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer === undefined) throw unauthenticated();
    if (context.vault.find(bearer, 'access') !== undefined) throw permissionDenied();
    return request.params as Params;
  };
  const present = (request: FastifyRequest): Subscriber => {
    const { project, id } = enter(request);
    const subscriber = context.googleSubscribers.get(`projects/${project}/subscribers/${id}`);
    if (subscriber === undefined) throw notFound();
    return subscriber;
  };
  const save = async (name: string, body: SubscriberBody, createTime: string): Promise<unknown> => {
    if (!(await passesHandshake(context, body)))
      throw failedPrecondition('The endpoint did not pass the verification handshake.');
    const subscriber: Subscriber = {
      ...body,
      name,
      state: 'ACTIVE',
      createTime,
      updateTime: isoSeconds(context.now()),
    };
    context.googleSubscribers.put(subscriber);
    return operation(shown(subscriber));
  };

  app.post(path, async (request) => {
    const { project } = enter(request);
    const query = createQuerySchema.safeParse(request.query);
    if (!query.success) throw invalidArgument('Invalid value at subscriber_id.');
    const name = `projects/${project}/subscribers/${query.data.subscriberId}`;
    if (context.googleSubscribers.get(name) !== undefined) throw alreadyExists();
    return save(name, readBody(request.body), isoSeconds(context.now()));
  });

  app.get(path, async (request) => {
    const { project } = enter(request);
    const found = context.googleSubscribers.list(`projects/${project}/subscribers`);
    return found.length === 0 ? {} : { subscribers: found.map(shown) };
  });

  app.get(`${path}/:id`, async (request) => shown(present(request)));

  app.patch(`${path}/:id`, async (request) => {
    const old = present(request);
    const changes = typeof request.body === 'object' ? request.body : {};
    return save(old.name, readBody({ ...old, ...changes }), old.createTime);
  });

  app.delete(`${path}/:id`, async (request) => {
    context.googleSubscribers.remove(present(request).name);
    return operation({});
  });
}

function readBody(body: unknown): SubscriberBody {
  const parsed = subscriberBodySchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw invalidArgument(`Invalid value at '${issue?.path.join('.') ?? ''}': ${issue?.message ?? ''}`);
  }
  return parsed.data;
}

/** Never shows the endpoint's secret. */
function shown(subscriber: Subscriber): unknown {
  return { ...subscriber, endpointAuthorization: { secretSet: true } };
}

/** Writes answer with a finished long-running operation. */
const operation = (response: unknown): unknown => ({ name: 'operations/sandbox', done: true, response });

/** With the secret 200 or 201 is expected, without it 401 or 403. */
async function passesHandshake(context: SandboxContext, body: SubscriberBody): Promise<boolean> {
  const probe = async (headers: Record<string, string>): Promise<number> => {
    try {
      const response = await fetch(body.endpointUri, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Google-Health-API-Webhooks-Verifier',
          ...headers,
        },
        body: '{"type":"verification"}',
        signal: AbortSignal.timeout(HANDSHAKE_TIMEOUT_MS),
      });
      await response.body?.cancel();
      return response.status;
    } catch (error) {
      context.log.debug('subscriber handshake failed', { url: body.endpointUri, error });
      return 0;
    }
  };
  const authorized = await probe({ authorization: body.endpointAuthorization.secret });
  const unauthorized = await probe({});
  return [200, 201].includes(authorized) && [401, 403].includes(unauthorized);
}
