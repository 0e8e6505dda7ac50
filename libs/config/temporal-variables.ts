/**
 * The `TEMPORAL_*` variables that are set, for Temporal's own environment configuration
 * (https://docs.temporal.io/develop/environment-configuration). Empty values count as unset.
 */
export const temporalVariables = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (pair): pair is [string, string] =>
        pair[0].startsWith('TEMPORAL_') && pair[1] !== undefined && pair[1] !== '',
    ),
  );
