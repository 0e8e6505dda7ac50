import { classifyGoogleHealthResponse } from './failures';

const NOW = new Date('2026-11-20T10:07:30Z');
const info = (reason: string) => ({ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason });
const classify = (code: number, status: string, details: unknown, headers: Record<string, string> = {}) => {
  const json = { error: { code, message: 'A message of Google.', status, details } };
  return classifyGoogleHealthResponse({ status: code, headers, body: JSON.stringify(json), json }, NOW);
};

test.each([
  [429, 'RESOURCE_EXHAUSTED', [info('RATE_LIMIT_EXCEEDED')], 'provider_rate_limited'],
  [403, 'PERMISSION_DENIED', [info('ACCESS_TOKEN_SCOPE_INSUFFICIENT')], 'scope_missing'],
  [403, 'PERMISSION_DENIED', undefined, 'scope_missing'],
  [403, 'PERMISSION_DENIED', [info('SERVICE_DISABLED')], 'provider_rejected'],
  [400, 'FAILED_PRECONDITION', [info('ACCOUNT_NOT_LINKED')], 'account_not_ready'],
  [401, 'UNAUTHENTICATED', 'not a list', 'token_rejected'],
  [400, 'INVALID_ARGUMENT', [info('INVALID_DATA_POINT_FILTER')], undefined],
  [503, 'UNAVAILABLE', [], undefined],
])('%i %s', (code, status, details, expected) => {
  expect(classify(code, status, details)?.code).toBe(expected);
});

test('how long to wait: RetryInfo, then Retry-After, then the minute of the quota', () => {
  const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7.5s' };
  const wait = (details: unknown, headers?: Record<string, string>) =>
    classify(429, 'RESOURCE_EXHAUSTED', details, headers)?.retryAfterMs;
  expect(wait([info('RATE_LIMIT_EXCEEDED'), retryInfo], { 'retry-after': '20' })).toBe(7500);
  expect(wait([], { 'retry-after': '20' })).toBe(20_000);
  expect(wait([])).toBe(60_000);
});
