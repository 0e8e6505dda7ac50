import type { ProviderResponse } from '../contract';
import { classifyStravaResponse, isInvalidStravaClient } from './failures';

const NOW = new Date('2026-11-20T10:07:30Z');
const response = (status: number, json: unknown, headers: Record<string, string> = {}): ProviderResponse => ({
  status,
  headers,
  body: JSON.stringify(json),
  json,
});
const LIMITED = {
  message: 'Rate Limit Exceeded',
  errors: [{ resource: 'Application', field: 'overall rate limit', code: 'exceeded' }],
};

test.each([
  ['no headers: the next quarter hour', {}, 450_000],
  [
    'the quarter hour is used up',
    { 'x-ratelimit-limit': '200,2000', 'x-ratelimit-usage': '201,340' },
    450_000,
  ],
  [
    'the day of reads is used up: 00:00 UTC',
    {
      'x-ratelimit-limit': '200,2000',
      'x-ratelimit-usage': '12,1000',
      'x-readratelimit-limit': '100,1000',
      'x-readratelimit-usage': '12,1000',
    },
    49_950_000,
  ],
  ['empty numbers are unknown', { 'x-readratelimit-limit': ',', 'x-readratelimit-usage': ',' }, 450_000],
])('429, %s', (_what, headers, retryAfterMs) => {
  expect(classifyStravaResponse(response(429, LIMITED, headers), NOW)).toMatchObject({
    code: 'provider_rate_limited',
    retryAfterMs,
  });
  expect(isInvalidStravaClient(response(429, LIMITED, headers))).toBe(false);
});

test.each([
  [401, 'AccessToken', 'activity:read_permission', 'missing', 'scope_missing'],
  [403, 'AccessToken', 'activity:read_permission', 'missing', 'scope_missing'],
  [403, 'Application', 'Status', 'Inactive', 'provider_client_invalid'],
  [401, 'Athlete', 'access_token', 'invalid', undefined],
  [404, 'Activity', 'id', 'invalid', undefined],
])('%i %s/%s/%s', (status, resource, field, code, expected) => {
  const error = classifyStravaResponse(response(status, { errors: [{ resource, field, code }] }), NOW);
  expect(error?.code).toBe(expected);
});
