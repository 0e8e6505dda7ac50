import { z } from 'zod';

const count = (max: number) => z.coerce.number<number | string>().int().min(1).max(max);

/** Strava limits of one app: `overall 15 min,overall day;read 15 min,read day`, e.g. `200,2000;100,1000`. */
export const stravaLimitsSchema = z
  .string()
  .regex(/^\d+,\d+;\d+,\d+$/, 'must be four numbers like `200,2000;100,1000`')
  .transform((text) => {
    const [overall, read] = text.split(';').map((pair) => pair.split(',').map(Number));
    return {
      overallQuarterHour: overall?.[0] ?? 0,
      overallDay: overall?.[1] ?? 0,
      readQuarterHour: read?.[0] ?? 0,
      readDay: read?.[1] ?? 0,
    };
  });

export type StravaLimits = z.output<typeof stravaLimitsSchema>;

/** Every setting of the sandbox; each is also an environment variable `SANDBOX_<UPPER_SNAKE>`. */
export const sandboxOptionsSchema = z.strictObject({
  host: z.string().default('127.0.0.1'),
  port: z.coerce.number<number | string>().int().min(0).max(65_535).default(4000),
  seed: z.coerce.string<number | string>().min(1).default('sandbox'),
  /** Accounts `user-1` … `user-<users>` exist at each provider from the start. */
  users: count(100_000).default(3),
  days: count(20_000).default(60),
  weightsPerDay: count(100_000).default(1),
  /** The secret every OAuth client must show; empty: the first secret seen per client is remembered. */
  clientSecret: z.string().default('sandbox-secret'),
  stravaLimits: stravaLimitsSchema.prefault('100000,1000000;50000,500000'),
  /** Google Health requests per minute and user, 0 = no limit; the real service allows 300. */
  googleLimitPerMinute: z.coerce.number<number | string>().int().min(0).default(0),
  /** Data ends at the start of this UTC day (`YYYY-MM-DD`), by default today. */
  today: z.iso.date().optional(),
  /** Base of the growing delay between attempts of an outgoing notification; real providers take far longer. */
  notifyRetryMs: z.coerce.number<number | string>().int().min(1).default(500),
});

export type SandboxOptions = z.input<typeof sandboxOptionsSchema>;
export type SandboxConfig = Readonly<z.output<typeof sandboxOptionsSchema>>;

class SandboxConfigError extends Error {
  override name = 'SandboxConfigError';
}

const envName = (option: string): string =>
  `SANDBOX_${option.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/**
 * Reads `SANDBOX_*`. Empty values count as unset, but an empty `SANDBOX_CLIENT_SECRET` has a meaning.
 * @throws SandboxConfigError naming each wrong variable
 */
export function loadSandboxConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): SandboxConfig {
  const options: Record<string, string> = {};
  for (const option of Object.keys(sandboxOptionsSchema.shape)) {
    const value = env[envName(option)];
    if (value !== undefined && (value !== '' || option === 'clientSecret')) options[option] = value;
  }
  const parsed = sandboxOptionsSchema.safeParse(options);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${envName(String(issue.path[0]))}: ${issue.message}`);
  throw new SandboxConfigError(`The sandbox settings are not valid:\n${lines.join('\n')}`);
}
