import { answering } from './conformance';
import type { ProviderHttp } from './contract';
import { connectorOf } from './registry';

const unused: ProviderHttp = {
  getJson: () => Promise.reject(new Error('no request expected')),
  postJson: () => Promise.reject(new Error('no request expected')),
};

test('Strava: from the token answer, else from GET /athlete', async () => {
  const connector = connectorOf('strava');
  await expect(connector.accountId(unused, { athlete: { id: 4711042 } })).resolves.toBe('4711042');
  await expect(connector.accountId(answering({ id: 9_007_199_254_740_991 }), {})).resolves.toBe(
    '9007199254740991',
  );
  await expect(connector.accountId(answering({ message: 'x' }), {})).rejects.toMatchObject({
    code: 'provider_bad_data',
  });
});

test('Google Health: healthUserId, never the legacy Fitbit id', async () => {
  const connector = connectorOf('google_health');
  const identity = { name: 'users/me/identity', legacyUserId: '2E4RVC', healthUserId: '900100200300' };
  await expect(connector.accountId(answering(identity), {})).resolves.toBe('900100200300');
  await expect(connector.accountId(answering({ legacyUserId: '2E4RVC' }), {})).rejects.toMatchObject({
    code: 'provider_bad_data',
  });
});
