import { z } from 'zod';
import type { ProviderId } from '../core/providers';
import { ConfigError } from './config';

const isLoopback = (url: URL): boolean => ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);

const serviceUrl = z.url({ protocol: /^https?$/ }).refine((text) => {
  const url = new URL(text);
  return url.protocol === 'https:' || isLoopback(url);
}, 'must be https (plain http only for loopback)');

/**
 * The settings of one provider, each `PROVIDER_<ID>_<NAME>`, e.g. `PROVIDER_STRAVA_CLIENT_ID`.
 * What is unset takes the real service's value, which the connector declares.
 */
export const providerSettingsSchema = z.object({
  CLIENT_ID: z
    .string()
    .optional()
    .describe('OAuth client id at the provider; unset: the provider is listed but cannot be connected'),
  CLIENT_SECRET: z.string().optional().describe('OAuth client secret'),
  AUTH_URL: serviceUrl.optional().describe('authorization endpoint'),
  TOKEN_URL: serviceUrl.optional().describe('token endpoint'),
  REVOKE_URL: serviceUrl.optional().describe('revocation endpoint'),
  BASE_URL: serviceUrl.optional().describe('base URL of the data API'),
  POLICY_PERMISSION: z
    .enum(['true', 'false'])
    .default('false')
    .transform((v) => v === 'true')
    .describe(
      "you hold the provider's written permission: its records may reach partners and are kept without limit",
    ),
});

export type ProviderSettings = Readonly<z.output<typeof providerSettingsSchema>>;

/** Reads the settings of one provider from the environment. @throws ConfigError naming each wrong setting */
export function loadProviderSettings(
  provider: ProviderId,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ProviderSettings {
  const prefix = `PROVIDER_${provider.toUpperCase()}_`;
  const set = Object.fromEntries(
    Object.keys(providerSettingsSchema.shape).flatMap((name) => {
      const value = env[prefix + name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = providerSettingsSchema.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${prefix}${String(issue.path[0])}: ${issue.message}`);
    throw new ConfigError(`The configuration of ${provider} is not valid:\n${lines.join('\n')}`);
  }
  return parsed.data;
}
