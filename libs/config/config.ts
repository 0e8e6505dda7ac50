import { randomBytes } from 'node:crypto';
import { z } from 'zod';

const boolean = z.enum(['true', 'false', '1', '0']).transform((v) => v === 'true' || v === '1');
const port = z.coerce.number().int().min(0).max(65_535);
const positiveInt = z.coerce.number().int().positive();

/** A base64 AES-256 key, optionally a comma list `id:key` with the newest first, older ones for reading only. */
const encryptionKeys = z
  .string()
  .transform((text) =>
    text.split(',').map((part) => {
      const at = part.indexOf(':');
      return {
        id: at < 0 ? 'k1' : part.slice(0, at),
        key: Buffer.from(at < 0 ? part : part.slice(at + 1), 'base64'),
      };
    }),
  )
  .refine((keys) => keys.every((k) => k.id !== '' && k.key.length === 32), {
    message: 'each key must be 32 bytes in base64, e.g. from `openssl rand -base64 32`',
  });

/**
 * Every setting of the product, parsed once per process. `.env.example` is generated from the descriptions.
 * Provider settings (`PROVIDER_<ID>_*`) are read per connector in provider-settings.ts.
 */
export const configSchema = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('development')
    .describe('production refuses weak or missing secrets and plain-http callbacks'),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('least level that is logged'),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .describe('PostgreSQL 15 to 18; unset: the scripts start an embedded PostgreSQL 18'),
  DATABASE_DIRECT_URL: z
    .url({ protocol: /^postgres(ql)?$/ })
    .optional()
    .describe(
      'straight to PostgreSQL when DATABASE_URL names a pooler: LISTEN needs it; unset: DATABASE_URL',
    ),
  DATABASE_POOL_SIZE: positiveInt.default(10).describe('connections per process'),
  TEMPORAL_ADDRESS: z.string().default('127.0.0.1:7233').describe('host:port of the Temporal frontend'),
  TEMPORAL_NAMESPACE: z.string().default('diettracker').describe('Temporal namespace; made when absent'),
  TEMPORAL_UI_URL: z.url().default('http://127.0.0.1:8233').describe('where operators open the Temporal UI'),
  API_HOST: z.string().default('127.0.0.1').describe('address the API listens on'),
  API_PORT: port.default(3000).describe('port the API listens on'),
  PUBLIC_URL: z
    .url()
    .default('http://127.0.0.1:3000')
    .describe('base URL under which browsers and providers reach the API'),
  WORKER_HOST: z.string().default('127.0.0.1').describe("address of the worker's health and metrics"),
  WORKER_PORT: port.default(3001).describe("port of the worker's health and metrics"),
  ENCRYPTION_KEYS: encryptionKeys.describe(
    'AES-256 keys that seal tokens and webhook secrets: `id:base64[,older:base64]`, newest first',
  ),
  WEBHOOK_ALLOW_LOOPBACK: boolean
    .default(false)
    .describe('development only: endpoints on http://127.0.0.1 are allowed'),
  WEBHOOK_PROXY_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'http(s) proxy all webhooks go through (CONNECT), e.g. Smokescreen; user and password may stand in it; unset: direct',
    ),
  WEBHOOK_RETRY_SCHEDULE_S: z
    .string()
    .default('5,300,1800,7200,18000,36000,50400,72000,86400')
    .transform((text) => text.split(',').map(Number))
    .refine(
      (list) => list.length > 0 && list.every((s) => Number.isFinite(s) && s > 0),
      'a comma list of seconds',
    )
    .describe('delays before retries 1, 2, … of a webhook in seconds; each ± 20 %'),
  WEBHOOK_DISABLE_AFTER_S: positiveInt
    .default(432_000)
    .describe('an endpoint that accepted nothing for so many seconds is disabled (default 5 days)'),
  WEBHOOK_SHARDS: positiveInt
    .max(64)
    .default(1)
    .describe('webhook dispatchers; endpoints are hashed over them'),
  WEBHOOK_RETENTION_DAYS: positiveInt
    .min(35)
    .max(3_650)
    .default(35)
    .describe('days that events, deliveries and attempts are kept; days with open deliveries stay longer'),
  SYNC_SHARDS: positiveInt
    .max(64)
    .default(4)
    .describe('sync dispatcher schedules; integrations are hashed over them'),
  SYNC_INTERVAL_S: positiveInt
    .default(21_600)
    .describe('time between scheduled syncs of an integration in seconds (default 4 × a day), ± 10 %'),
  SYNC_INITIAL_DAYS: positiveInt
    .optional()
    .describe('how far the first sync reads back; unset: per provider stream'),
});

export type Config = Readonly<z.output<typeof configSchema>>;

/** Thrown at start: lists every wrong setting and how to mend it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/**
 * Parses the environment once. Empty values count as unset.
 * @throws ConfigError naming each wrong or missing setting
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, v]) => v !== undefined && v !== ''));
  const parsed = configSchema.safeParse(set);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => {
      const name = String(issue.path[0]);
      const about = configSchema.shape[name as keyof typeof configSchema.shape]?.description ?? '';
      return `  ${name}: ${issue.message} (${about})`;
    });
    throw new ConfigError(
      `The configuration is not valid. Mend these environment variables:\n${lines.join('\n')}`,
    );
  }
  const config = parsed.data;
  if (config.NODE_ENV === 'production') refuseWeakProduction(config);
  return config;
}

function refuseWeakProduction(config: Config): void {
  const wrong: string[] = [];
  if (!config.PUBLIC_URL.startsWith('https://')) wrong.push('PUBLIC_URL must be https');
  if (config.WEBHOOK_ALLOW_LOOPBACK) wrong.push('WEBHOOK_ALLOW_LOOPBACK must be false');
  if (config.ENCRYPTION_KEYS.some(({ key }) => new Set(key).size < 8))
    wrong.push('ENCRYPTION_KEYS holds a weak key');
  if (wrong.length > 0) throw new ConfigError(`Refusing to start in production:\n  ${wrong.join('\n  ')}`);
}

/** A fresh key in the form of `ENCRYPTION_KEYS`, for development and tests. */
export const newEncryptionKeys = (): string => `k1:${randomBytes(32).toString('base64')}`;
