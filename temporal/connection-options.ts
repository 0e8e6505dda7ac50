import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { Config } from '../libs/config/config';
import { temporalVariables } from '../libs/config/temporal-variables';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables of Temporal's own environment configuration that ask for more than an address. */
export const ENVCONFIG_VARIABLE = /^TEMPORAL_(PROFILE|CONFIG_FILE|API_KEY|TLS|TLS_.+|GRPC_META_.+)$/;

export interface TemporalTarget {
  /** Fits `Connection`, and `NativeConnection` alike. */
  connectionOptions: Pick<
    ReturnType<typeof loadClientConnectConfig>['connectionOptions'],
    'address' | 'tls' | 'apiKey' | 'metadata'
  >;
  namespace: string;
}

/**
 * Where the Temporal server is. A plain address from our settings, or, once one of `TEMPORAL_PROFILE`,
 * `TEMPORAL_CONFIG_FILE`, `TEMPORAL_API_KEY`, `TEMPORAL_TLS*`, `TEMPORAL_GRPC_META_*` is set, Temporal's environment
 * configuration (Temporal Cloud, mutual TLS; https://docs.temporal.io/develop/environment-configuration).
 * A profile file is read only when asked for, so a developer's own default profile never takes effect by accident.
 */
export function temporalTarget(
  config: Pick<Config, 'TEMPORAL_ADDRESS' | 'TEMPORAL_NAMESPACE'>,
  env?: Environment,
): TemporalTarget {
  const set = temporalVariables(env);
  const plain: TemporalTarget = {
    connectionOptions: { address: config.TEMPORAL_ADDRESS },
    namespace: config.TEMPORAL_NAMESPACE,
  };
  if (!Object.keys(set).some((name) => ENVCONFIG_VARIABLE.test(name))) return plain;
  const { connectionOptions, namespace } = loadClientConnectConfig({
    overrideEnvVars: { ...set },
    disableFile: !set['TEMPORAL_PROFILE'] && !set['TEMPORAL_CONFIG_FILE'],
  });
  const { address, tls, apiKey, metadata } = connectionOptions;
  return {
    connectionOptions: {
      address: address ?? config.TEMPORAL_ADDRESS,
      ...(tls === undefined ? {} : { tls }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(metadata === undefined ? {} : { metadata }),
    },
    namespace: namespace ?? config.TEMPORAL_NAMESPACE,
  };
}
