import { ApplicationFailure, ApplicationFailureCategory, TemporalFailure } from '@temporalio/common';
import { CompleteAsyncError, type Context } from '@temporalio/activity';
import type { ActivityInboundCallsInterceptor, ActivityInterceptors } from '@temporalio/worker';
import { AppError, FAILURES } from '../libs/core/errors';

/** The longest failure message that enters a history. */
const MAX_MESSAGE_BYTES = 2_048;

/** A PostgreSQL SQLSTATE or a Node/undici error code: names a fault without telling data. */
const SAFE_CODE = /^([0-9A-Z]{5}|E[A-Z_]+|UND_ERR_[A-Z_]+)$/;

function capped(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MAX_MESSAGE_BYTES ? text : `${bytes.toString('utf8', 0, MAX_MESSAGE_BYTES - 4)}…`;
}

/** The frames of a stack without its first lines, which repeat the message. */
const framesOf = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 12)
    .join('\n');

function codeOf(error: Error): string | undefined {
  const own = 'code' in error ? error.code : undefined;
  const inner = error.cause instanceof Error && 'code' in error.cause ? error.cause.code : undefined;
  return [own, inner].find((code): code is string => typeof code === 'string' && SAFE_CODE.test(code));
}

/**
 * What a failure looks like in workflow history. The type is the code of the failure table, which also decides
 * whether it is retried; `BENIGN` (somebody else has to act) keeps it out of the error metrics. Causes are left out and
 * an unknown error shows its class and code only: its message may quote a row or a response body.
 */
export function toApplicationFailure(error: unknown): ApplicationFailure {
  const known = error instanceof AppError ? error : undefined;
  const code = known?.code ?? 'internal';
  const row = FAILURES[code];
  const failure = ApplicationFailure.create({
    type: code,
    message: capped(known?.message ?? unknownMessage(error)),
    nonRetryable: row.retry === 'never',
    ...(row.who === 'us' ? {} : { category: ApplicationFailureCategory.BENIGN }),
    ...(known?.retryAfterMs === undefined ? {} : { nextRetryDelay: Math.max(1, known.retryAfterMs) }),
    ...(known?.details === undefined ? {} : { details: [known.details] }),
  });
  if (error instanceof Error) failure.stack = `${error.name}\n${framesOf(error)}`;
  return failure;
}

function unknownMessage(error: unknown): string {
  if (!(error instanceof Error)) return `A thrown ${typeof error}`;
  const code = codeOf(error);
  return code === undefined ? `Unexpected ${error.name}` : `Unexpected ${error.name} (${code})`;
}

type Report = (failure: ApplicationFailure, activityType: string) => void;

/**
 * Turns every error that leaves an activity into an `ApplicationFailure`; Temporal's own failures and an abort that
 * answers a cancellation pass as they are. `report` gets the failures nobody foresaw, already free of data.
 */
export class ActivityErrorInterceptor implements ActivityInboundCallsInterceptor {
  constructor(
    private readonly context: Context,
    private readonly report: Report,
  ) {}

  execute: NonNullable<ActivityInboundCallsInterceptor['execute']> = async (input, next) => {
    try {
      return await next(input);
    } catch (error) {
      if (error instanceof TemporalFailure || error instanceof CompleteAsyncError) throw error;
      const { aborted, reason } = this.context.cancellationSignal;
      const final = error instanceof AppError && FAILURES[error.code].retry === 'never';
      if (aborted && !final) throw reason;
      const failure = toApplicationFailure(error);
      if (!(error instanceof AppError)) this.report(failure, this.context.info.activityType);
      throw failure;
    }
  };
}

/** The factory `WorkerOptions.interceptors.activity` takes. */
export const activityErrors =
  (report: Report) =>
  (context: Context): ActivityInterceptors => ({ inbound: new ActivityErrorInterceptor(context, report) });
