/** The catalogue of external services, in the words of the design. A provider is offered once its connector is registered. */
export const PROVIDERS = [
  'google_fit',
  'google_health',
  'fitbit',
  'garmin',
  'strava',
  'apple_health',
  'health_connect',
  'myfitnesspal',
  'cronometer',
  'lose_it',
  'google_calendar',
  'outlook_calendar',
  'apple_calendar',
] as const;

export type ProviderId = (typeof PROVIDERS)[number];

/** Kinds of data of a provider. */
export const STREAMS = ['weight', 'activity', 'daily', 'sleep', 'heart_rate', 'meal'] as const;

export type StreamName = (typeof STREAMS)[number];

/** Reads a provider id as people write it: `googlefit`, `google-fit` and `google_fit` are the same provider. */
export function parseProviderId(text: string): ProviderId | null {
  const squeezed = text.toLowerCase().replaceAll(/[_-]/g, '');
  return PROVIDERS.find((id) => id.replaceAll('_', '') === squeezed) ?? null;
}
