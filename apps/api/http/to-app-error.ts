import { HttpException } from '@nestjs/common';
import { isGrpcServiceError } from '@temporalio/client';
import { AppError, type FailureCode } from '../../../libs/core/errors';

/** HTTP statuses that the framework itself answers with, e.g. for a body that is no JSON. */
const CODE_BY_STATUS: Readonly<Record<number, FailureCode>> = {
  400: 'invalid_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'not_found',
  409: 'conflict',
  413: 'payload_too_large',
  414: 'invalid_request',
  415: 'unsupported_media_type',
  431: 'invalid_request',
};

/** gRPC status codes that say the engine cannot be reached now: CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE. */
const ENGINE_AWAY = new Set([1, 4, 8, 14]);

/** The failure an HTTP client is told for anything thrown. What we did not throw on purpose becomes `internal`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isEngineAway(error))
    return new AppError('engine_unavailable', 'The workflow engine does not answer. Try again soon.', {
      cause: error,
      retryAfterMs: 5_000,
    });
  if (isDatabaseAway(error))
    return new AppError('database_unavailable', 'The database does not answer. Try again soon.', {
      cause: error,
      retryAfterMs: 5_000,
    });
  const status = statusOf(error);
  const code = status === null ? undefined : CODE_BY_STATUS[status];
  if (code === undefined)
    return new AppError('internal', 'Something went wrong on our side.', { cause: error });
  return new AppError(code, (error as Error).message, { cause: error });
}

/** Does a Temporal call fail because the server is away, and not because of what was asked? */
export function isEngineAway(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (isGrpcServiceError(at)) return ENGINE_AWAY.has(at.code);
  }
  return false;
}

/** Node, postgres.js and PostgreSQL (SQLSTATE classes 08, 57P, 53) codes of a server that cannot be reached or used now. */
const DATABASE_AWAY =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|CONNECT_TIMEOUT|CONNECTION_\w+|08\w{3}|57P0[123]|53300)$/;

/** Does a query fail because the database is away, and not because of what was asked? */
function isDatabaseAway(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const codes = at instanceof AggregateError ? at.errors : [at];
    for (const one of codes as unknown[])
      if (one instanceof Error && 'code' in one && DATABASE_AWAY.test(String(one.code))) return true;
  }
  return false;
}

/** The status of an error of Nest or Fastify (`FST_ERR_…`). */
function statusOf(error: unknown): number | null {
  if (error instanceof HttpException) return error.getStatus();
  if (!(error instanceof Error) || !('code' in error) || !('statusCode' in error)) return null;
  return String(error.code).startsWith('FST_') && typeof error.statusCode === 'number'
    ? error.statusCode
    : null;
}
