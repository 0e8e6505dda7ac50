import { parseArgs } from 'node:util';
import { AppError } from '../libs/core/errors';
import { closeDatabase, openDatabase } from '../libs/db/database';
import type { CliCommand, CliValues } from './cli/command';
import { helpOf, overview } from './cli/help';
import { INTEGRATION_COMMANDS } from './cli/integration-commands';
import { PRINCIPAL_COMMANDS } from './cli/principal-commands';
import { readSettings } from './cli/settings';
import { UsageError } from './cli/usage-error';
import { WEBHOOK_COMMANDS } from './cli/webhook-commands';

const COMMANDS: readonly CliCommand[] = [...PRINCIPAL_COMMANDS, ...INTEGRATION_COMMANDS, ...WEBHOOK_COMMANDS];

interface Parsed {
  values: CliValues;
  json: boolean;
  help: boolean;
}

/** @throws UsageError for an unknown or missing option */
function parseOptions(command: CliCommand, args: string[]): Parsed {
  const strings = Object.keys(command.options).map(
    (name) => [name, { type: 'string', multiple: true }] as const,
  );
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...Object.fromEntries(strings),
        json: { type: 'boolean' as const },
        help: { type: 'boolean' as const, short: 'h' },
      },
    });
    const { json = false, help = false, ...rest } = values;
    if (!help) requireDeclared(command, rest as CliValues);
    return { values: rest as CliValues, json: json === true, help: help === true };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${(error as Error).message}\n\n${helpOf(command)}`);
  }
}

function requireDeclared(command: CliCommand, values: CliValues): void {
  for (const [name, option] of Object.entries(command.options)) {
    const given = values[name] ?? [];
    const wrong =
      option.required && (given[0] ?? '').trim() === ''
        ? 'is required'
        : given.length > 1 && !option.multiple
          ? 'may be given once only'
          : null;
    if (wrong !== null) throw new UsageError(`--${name} ${wrong}\n\n${helpOf(command)}`);
  }
}

async function run(command: CliCommand, { values, json }: Parsed): Promise<void> {
  const settings = readSettings();
  const db = openDatabase(settings.DATABASE_URL, 1, 'diettracker-cli');
  try {
    const result = await command.run({ db, settings }, values);
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : asText(result));
  } finally {
    await closeDatabase(db);
  }
}

function asText(result: unknown): string {
  if (Array.isArray(result)) return result.length === 0 ? 'none\n' : result.map(asText).join('\n');
  return Object.entries(result as object)
    .map(([name, value]) => `${name}: ${shown(value)}\n`)
    .join('');
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'string') return value;
  return Array.isArray(value) ? value.map(shown).join(', ') : JSON.stringify(value).replaceAll('"', '');
}

async function main(args: readonly string[]): Promise<void> {
  const [first, second] = args;
  if (first === undefined || ['help', '--help', '-h'].includes(first)) {
    process.stdout.write(overview(COMMANDS));
    return;
  }
  const command = COMMANDS.find((c) => c.verb === `${first} ${second ?? ''}`);
  if (!command)
    throw new UsageError(
      `There is no verb "${[first, second].filter(Boolean).join(' ')}".\n\n${overview(COMMANDS)}`,
    );
  const parsed = parseOptions(command, args.slice(2));
  if (parsed.help) process.stdout.write(helpOf(command));
  else await run(command, parsed);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const isTold = error instanceof UsageError || error instanceof AppError;
  process.stderr.write(`${isTold ? error.message : `Failed: ${reasonOf(error)}`}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});

/** The innermost message: drizzle's own repeats the statement with its parameters. */
function reasonOf(error: unknown): string {
  let at = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  if (!(at instanceof Error)) return String(at);
  return at.message || ('code' in at ? String(at.code) : at.name);
}
