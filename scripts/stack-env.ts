import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { newEncryptionKeys } from '../libs/config/config';

export interface StackAddresses {
  databaseUrl: string;
  temporalAddress: string;
  temporalNamespace: string;
  temporalUiUrl: string | null;
  apiPort: number;
  workerPort: number;
  sandboxPort: number;
}

/** Keys of this checkout, made once: what they sealed stays readable after a restart. */
export function developmentKeys(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const keys = newEncryptionKeys();
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${keys}\n`, { mode: 0o600 });
  return keys;
}

/** Settings that make the connectors talk to the sandbox instead of the real services. */
function sandboxProviders(sandboxPort: number): Record<string, string> {
  const base = `http://127.0.0.1:${sandboxPort}`;
  const client = { CLIENT_ID: 'sandbox-client', CLIENT_SECRET: 'sandbox-secret' };
  const providers = {
    STRAVA: {
      ...client,
      AUTH_URL: `${base}/strava/oauth/authorize`,
      TOKEN_URL: `${base}/strava/oauth/token`,
      REVOKE_URL: `${base}/strava/oauth/revoke`,
      BASE_URL: `${base}/strava/api/v3`,
    },
    GOOGLE_HEALTH: {
      ...client,
      AUTH_URL: `${base}/google-health/o/oauth2/v2/auth`,
      TOKEN_URL: `${base}/google-health/token`,
      REVOKE_URL: `${base}/google-health/revoke`,
      BASE_URL: `${base}/google-health`,
    },
  };
  return Object.fromEntries(
    Object.entries(providers).flatMap(([id, settings]) =>
      Object.entries(settings).map(([name, value]) => [`PROVIDER_${id}_${name}`, value]),
    ),
  );
}

/**
 * The environment of api, worker and sandbox. The addresses are those that run; everything else is a default that the
 * caller's own value replaces.
 */
export function stackEnvironment(
  addresses: StackAddresses,
  keysFile: string,
  own: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  const defaults = {
    ...sandboxProviders(addresses.sandboxPort),
    PUBLIC_URL: `http://127.0.0.1:${addresses.apiPort}`,
    WEBHOOK_ALLOW_LOOPBACK: 'true',
    ENCRYPTION_KEYS: own['ENCRYPTION_KEYS'] || developmentKeys(keysFile),
  };
  const set = Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== undefined && value !== ''),
  );
  return {
    ...defaults,
    ...set,
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    TEMPORAL_NAMESPACE: addresses.temporalNamespace,
    ...(addresses.temporalUiUrl === null ? {} : { TEMPORAL_UI_URL: addresses.temporalUiUrl }),
    API_PORT: String(addresses.apiPort),
    WORKER_PORT: String(addresses.workerPort),
    SANDBOX_PORT: String(addresses.sandboxPort),
  };
}
