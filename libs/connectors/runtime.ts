import { loadProviderSettings, type ProviderSettings } from '../config/provider-settings';
import { AppError } from '../core/errors';
import type { ProviderId } from '../core/providers';
import type { Connector, ConnectorAuth, ProviderPolicy } from './contract';
import { CONNECTORS } from './registry';

/** A connector with this deployment's settings applied: whom to call, as which client, under which policy. */
export interface ProviderRuntime {
  connector: Connector;
  /** Null: the provider is listed but cannot be connected. */
  clientId: string | null;
  clientSecret: string | null;
  auth: ConnectorAuth;
  /** Origin of the authorization endpoint the deployer set instead of the real one: its own `iss` is right, too. */
  standInOrigin: string | null;
  baseUrl: string;
  policy: ProviderPolicy;
}

const permitted = (policy: ProviderPolicy): ProviderPolicy => ({
  reExport: true,
  cacheTtlDays: null,
  note: `The deployer states a written permission of the provider. Without it: ${policy.note}`,
});

function runtimeFrom(connector: Connector, settings: ProviderSettings): ProviderRuntime {
  const { auth, policy } = connector;
  return {
    connector,
    clientId: settings.CLIENT_ID ?? null,
    clientSecret: settings.CLIENT_SECRET ?? null,
    auth: {
      ...auth,
      authorizationUrl: settings.AUTH_URL ?? auth.authorizationUrl,
      tokenUrl: settings.TOKEN_URL ?? auth.tokenUrl,
      revocationUrl: settings.REVOKE_URL ?? auth.revocationUrl,
    },
    standInOrigin: settings.AUTH_URL === undefined ? null : new URL(settings.AUTH_URL).origin,
    baseUrl: settings.BASE_URL ?? connector.baseUrl,
    policy: settings.POLICY_PERMISSION ? permitted(policy) : policy,
  };
}

/**
 * Applies the settings of every registered provider.
 *
 * @param env default: the process environment
 * @throws ConfigError naming each wrong setting
 */
export const loadRuntimes = (
  env?: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<ProviderId, ProviderRuntime> =>
  new Map(CONNECTORS.map((c) => [c.id, runtimeFrom(c, loadProviderSettings(c.id, env))]));

/** @throws AppError `unknown_provider` */
export function runtimeOf(
  runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
  provider: ProviderId,
): ProviderRuntime {
  const runtime = runtimes.get(provider);
  if (!runtime) throw new AppError('unknown_provider', `There is no connector for ${provider}`);
  return runtime;
}

/** Our client at the provider. @throws AppError `provider_not_configured` naming the setting that is missing */
export function clientOf(runtime: ProviderRuntime): { clientId: string; clientSecret: string } {
  const { clientId, clientSecret, connector } = runtime;
  const prefix = `PROVIDER_${connector.id.toUpperCase()}`;
  if (clientId !== null && clientSecret !== null) return { clientId, clientSecret };
  const missing = clientId === null ? `${prefix}_CLIENT_ID` : `${prefix}_CLIENT_SECRET`;
  throw new AppError('provider_not_configured', `Set ${missing} to connect ${connector.label}`);
}
