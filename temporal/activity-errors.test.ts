import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { AppError, FAILURES, type FailureCode } from '../libs/core/errors';
import { ActivityErrorInterceptor, toApplicationFailure } from './activity-errors';

type Context = ConstructorParameters<typeof ActivityErrorInterceptor>[0];

function interceptorFor(signal: AbortSignal) {
  const reported: string[] = [];
  const context = { cancellationSignal: signal, info: { activityType: 'syncStream' } } as unknown as Context;
  const interceptor = new ActivityErrorInterceptor(context, (failure, type) =>
    reported.push(`${type}: ${failure.message}`),
  );
  const runFailing = (error: unknown) =>
    interceptor
      .execute({ args: [], headers: {} }, () => Promise.reject(error))
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
  return { reported, runFailing };
}

test.each(Object.keys(FAILURES) as FailureCode[])(
  '%s keeps its code and the retry rule of the table',
  (code) => {
    const failure = toApplicationFailure(new AppError(code, 'what happened'));
    expect(failure).toMatchObject({
      type: code,
      message: 'what happened',
      nonRetryable: FAILURES[code].retry === 'never',
    });
    expect(failure.category === 'BENIGN').toBe(FAILURES[code].who !== 'us');
  },
);

test('carries the wait the other side asked for, and public details', () => {
  const failure = toApplicationFailure(
    new AppError('provider_rate_limited', 'wait', { retryAfterMs: 61_500, details: { limit: 'daily' } }),
  );
  expect(failure.nextRetryDelay).toBe(61_500);
  expect(failure.details).toEqual([{ limit: 'daily' }]);
  expect(toApplicationFailure(new AppError('internal', 'x')).nextRetryDelay).toBeUndefined();
});

test('shows class and code of an unknown error, never its text or its cause', () => {
  const error = Object.assign(new TypeError('weight 71.4 kg'), { code: '23505' });
  const failure = toApplicationFailure(error);
  expect(failure).toMatchObject({
    type: 'internal',
    nonRetryable: false,
    message: 'Unexpected TypeError (23505)',
  });
  expect(failure.cause).toBeUndefined();
  expect(`${failure.stack}`).toContain('activity-errors.test.ts');
  expect(JSON.stringify(failure) + failure.stack).not.toContain('71.4');
  expect(toApplicationFailure(Object.assign(new Error('x'), { code: 'Bearer abc' })).message).toBe(
    'Unexpected Error',
  );
  expect(toApplicationFailure('71.4').message).toBe('A thrown string');
});

test('caps the message at 2 kB without cutting a character in two', () => {
  const { message } = toApplicationFailure(new AppError('internal', 'ä'.repeat(3_000)));
  expect(Buffer.byteLength(message)).toBeLessThanOrEqual(2_048);
  expect(message).toMatch(/^ä+…$/);
});

test('reports what nobody foresaw, and only that', async () => {
  const { reported, runFailing } = interceptorFor(new AbortController().signal);
  expect(await runFailing(new AppError('integration_gone', 'gone'))).toBeInstanceOf(ApplicationFailure);
  expect(reported).toEqual([]);
  expect(await runFailing(new RangeError('12'))).toMatchObject({ type: 'internal' });
  expect(reported).toEqual(['syncStream: Unexpected RangeError']);
});

test("lets Temporal's own failures pass", async () => {
  const { runFailing } = interceptorFor(new AbortController().signal);
  const own = ApplicationFailure.nonRetryable('x', 'y');
  expect(await runFailing(own)).toBe(own);
});

test('an error that answers a cancellation counts as the cancellation, unless retrying could never help', async () => {
  const controller = new AbortController();
  const cancelled = new CancelledFailure('WORKER_SHUTDOWN');
  controller.abort(cancelled);
  const { runFailing } = interceptorFor(controller.signal);
  expect(await runFailing(new AppError('provider_unavailable', 'aborted'))).toBe(cancelled);
  expect(await runFailing(new DOMException('aborted', 'AbortError'))).toBe(cancelled);
  expect(await runFailing(new AppError('integration_gone', 'gone'))).toMatchObject({
    type: 'integration_gone',
  });
});
