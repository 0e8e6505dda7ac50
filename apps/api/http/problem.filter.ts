import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { FAILURES, type AppError } from '../../../libs/core/errors';
import type { Logger } from '../../../libs/telemetry/logger';
import { PROBLEM_MEDIA_TYPE, problemOf } from './problem.schema';
import { toAppError } from './to-app-error';

const DEFAULT_RETRY_AFTER_S = 5;

/** Answers every failure as a problem document and logs it at the level of who must act. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const failure = toAppError(error);
    this.#log(failure, request);
    if (reply.sent) return;
    for (const [name, value] of Object.entries(headersOf(failure, request))) void reply.header(name, value);
    void reply
      .status(FAILURES[failure.code].status)
      .header('content-type', PROBLEM_MEDIA_TYPE)
      .send(JSON.stringify(problemOf(failure, request)));
  }

  #log(failure: AppError, request: FastifyRequest): void {
    const { who } = FAILURES[failure.code];
    const level = who === 'us' ? 'error' : who === 'provider' || who === 'partner' ? 'warn' : 'info';
    const { code, message, cause } = failure;
    this.logger[level]('request failed', {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions?.url ?? null,
      code,
      detail: message,
      ...(who === 'us' && cause !== undefined ? { cause } : {}),
    });
  }
}

function headersOf(failure: AppError, request: FastifyRequest): Record<string, string> {
  if (failure.code === 'unauthenticated') {
    // RFC 6750 §3: the error word only when a credential was presented.
    const presented = request.headers.authorization !== undefined;
    return { 'www-authenticate': `Bearer realm="diettracker"${presented ? ', error="invalid_token"' : ''}` };
  }
  if (FAILURES[failure.code].status !== 503) return {};
  const seconds =
    failure.retryAfterMs === undefined ? DEFAULT_RETRY_AFTER_S : Math.ceil(failure.retryAfterMs / 1000);
  return { 'retry-after': String(seconds) };
}
