import type { FastifyInstance } from 'fastify';
import { AppError, FAILURES } from '../../../libs/core/errors';
import type { SandboxContext } from '../context';
import { controlAccountRoutes } from './accounts.routes';
import { controlFaultRoutes } from './faults.routes';
import { controlRecordRoutes } from './records.routes';

/** The control API: how tests and benches steer the sandbox. No real provider has anything like it. */
export async function controlPlugin(
  app: FastifyInstance,
  context: SandboxContext,
  reset: (seed: string) => void,
): Promise<void> {
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof AppError)
      return reply
        .code(FAILURES[error.code].status)
        .send({ error: error.code, message: error.message, ...error.details });
    const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
    if (status < 500)
      return reply
        .code(status)
        .send({ error: 'invalid_request', message: error instanceof Error ? error.message : 'invalid' });
    context.log.error('control request failed', { path: request.url, error });
    return reply.code(500).send({ error: 'internal', message: 'Something went wrong in the sandbox' });
  });
  controlAccountRoutes(app, context, reset);
  controlFaultRoutes(app, context);
  controlRecordRoutes(app, context);
}
