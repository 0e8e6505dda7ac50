import { z } from 'zod';

/** The imitated providers, by the design's provider ids. */
export const SANDBOX_PROVIDERS = ['strava', 'google_health'] as const;

export type SandboxProvider = (typeof SANDBOX_PROVIDERS)[number];

/** Reads a provider as people write it: `google-health` is `google_health`. */
export const sandboxProviderSchema = z.preprocess(
  (value) => (typeof value === 'string' ? value.replaceAll('-', '_') : value),
  z.enum(SANDBOX_PROVIDERS),
);
