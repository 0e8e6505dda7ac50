import { mkdtempSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../libs/config/config';
import { loadProviderSettings } from '../libs/config/provider-settings';
import { developmentKeys, stackEnvironment } from './stack-env';

const ADDRESSES = {
  databaseUrl: 'postgres://u:p@127.0.0.1:5433/diettracker',
  temporalAddress: '127.0.0.1:7777',
  temporalNamespace: 'diettracker',
  temporalUiUrl: null,
  apiPort: 3100,
  workerPort: 3101,
  sandboxPort: 4100,
};
const keysFile = () => join(mkdtempSync(join(tmpdir(), 'dt-keys-')), 'dev-keys');

test('is a valid configuration that talks to the sandbox', () => {
  const env = stackEnvironment(ADDRESSES, keysFile(), {});
  expect(loadConfig(env)).toMatchObject({ TEMPORAL_ADDRESS: '127.0.0.1:7777', API_PORT: 3100 });
  expect(loadProviderSettings('strava', env)).toMatchObject({
    CLIENT_ID: 'sandbox-client',
    TOKEN_URL: 'http://127.0.0.1:4100/strava/oauth/token',
  });
  expect(loadProviderSettings('google_health', env).BASE_URL).toBe('http://127.0.0.1:4100/google-health');
});

test("the caller's settings replace defaults, but not the addresses that run", () => {
  const env = stackEnvironment(ADDRESSES, keysFile(), {
    PROVIDER_STRAVA_CLIENT_ID: 'mine',
    PUBLIC_URL: '',
    DATABASE_URL: 'postgres://elsewhere/x',
  });
  expect(env).toMatchObject({
    PROVIDER_STRAVA_CLIENT_ID: 'mine',
    PUBLIC_URL: 'http://127.0.0.1:3100',
    DATABASE_URL: ADDRESSES.databaseUrl,
  });
});

test('development keys are made once and kept from others', () => {
  const file = keysFile();
  const keys = developmentKeys(file);
  expect(developmentKeys(file)).toBe(keys);
  expect(statSync(file).mode & 0o077).toBe(0);
});
