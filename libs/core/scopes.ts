import type { StreamName } from './providers';

/** What an app may do for a user, one word per data type, shown on the consent page in plain words. */
export const SCOPES = [
  'fitness.read',
  'body.read',
  'sleep.read',
  'heart_rate.read',
  'nutrition.read',
  'integrations.read',
  'integrations.write',
  'webhooks.manage',
] as const;

export type Scope = (typeof SCOPES)[number];

/** The scope that covers reading a stream, over the API and in webhooks alike. */
export const STREAM_SCOPE = {
  weight: 'body.read',
  activity: 'fitness.read',
  daily: 'fitness.read',
  sleep: 'sleep.read',
  heart_rate: 'heart_rate.read',
  meal: 'nutrition.read',
} as const satisfies Record<StreamName, Scope>;
