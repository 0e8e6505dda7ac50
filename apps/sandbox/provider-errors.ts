import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from './context';
import { ProviderRefusal } from './provider-refusal';

/**
 * Sends refusals in the provider's own words.
 * @param forStatus the provider's body for failures that the server itself finds (broken JSON, no such path)
 */
export function installRefusals(
  app: FastifyInstance,
  context: SandboxContext,
  forStatus: (status: number) => unknown,
): void {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ProviderRefusal)
      return reply.code(error.status).headers(error.headers).send(error.body);
    const status = statusOf(error);
    if (status >= 500) context.log.error('request failed', { path: request.url, error });
    return reply.code(status).send(forStatus(status));
  });
}

function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 500;
  return typeof error.statusCode === 'number' ? error.statusCode : 500;
}
