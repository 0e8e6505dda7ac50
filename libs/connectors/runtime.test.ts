import { ConfigError } from '../config/config';
import { clientOf, loadRuntimes, runtimeOf } from './runtime';

test('what is unset takes the real service', () => {
  const strava = runtimeOf(loadRuntimes({}), 'strava');
  expect(strava).toMatchObject({
    clientId: null,
    baseUrl: 'https://www.strava.com/api/v3',
    auth: { tokenUrl: 'https://www.strava.com/oauth/token' },
    policy: { reExport: false, cacheTtlDays: 7 },
  });
  expect(() => clientOf(strava)).toThrow('PROVIDER_STRAVA_CLIENT_ID');
});

test('settings override URLs, secrets and, with the permission, the policy', () => {
  const strava = runtimeOf(
    loadRuntimes({
      PROVIDER_STRAVA_CLIENT_ID: 'c',
      PROVIDER_STRAVA_TOKEN_URL: 'http://127.0.0.1:9/token',
      PROVIDER_STRAVA_POLICY_PERMISSION: 'true',
    }),
    'strava',
  );
  expect(strava.auth.tokenUrl).toBe('http://127.0.0.1:9/token');
  expect(strava.auth.revocationUrl).toBe('https://www.strava.com/oauth/revoke');
  expect(strava.policy).toMatchObject({ reExport: true, cacheTtlDays: null });
  expect(strava.connector.policy.reExport).toBe(false);
  expect(() => clientOf(strava)).toThrow('PROVIDER_STRAVA_CLIENT_SECRET');
});

test('plain http to another host is refused', () => {
  expect(() => loadRuntimes({ PROVIDER_STRAVA_TOKEN_URL: 'http://example.com/token' })).toThrow(ConfigError);
});

test('a provider without a connector', () => {
  expect(() => runtimeOf(loadRuntimes({}), 'garmin')).toThrow(
    expect.objectContaining({ code: 'unknown_provider' }),
  );
});
