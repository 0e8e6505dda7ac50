import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { configSchema } from '../../libs/config/config';
import { projectRoot, STACK_ENV_FILE } from '../project';
import { UsageError } from './usage-error';

/** The commands need no secrets: only where the database and Temporal are. */
const settingsSchema = configSchema.pick({
  DATABASE_URL: true,
  TEMPORAL_ADDRESS: true,
  TEMPORAL_NAMESPACE: true,
});

export type CliSettings = z.output<typeof settingsSchema>;

type Environment = Readonly<Record<string, string | undefined>>;

const fileEnvironment = (file: string): Environment =>
  existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};

/**
 * The first of these that sets a variable: the environment, `.env`, the running `npm start`.
 * @throws UsageError that names what is missing
 */
export function readSettings(env: Environment = process.env): CliSettings {
  const sources = [fileEnvironment(STACK_ENV_FILE), fileEnvironment(join(projectRoot, '.env')), env];
  const set = Object.fromEntries(
    sources.flatMap((source) =>
      Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
    ),
  );
  const parsed = settingsSchema.safeParse(set);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `  ${String(issue.path[0])}: ${issue.message}`);
  throw new UsageError(
    `Set these in the environment or in .env, or run \`npm start\` in another terminal:\n${lines.join('\n')}`,
  );
}
