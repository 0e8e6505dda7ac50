import type { Database } from '../../libs/db/database';
import type { CliSettings } from './settings';
import { UsageError } from './usage-error';

/** What a command works with; closed after it. */
interface CliContext {
  db: Database;
  settings: CliSettings;
}

interface CliOption {
  /** Shown in the help, e.g. `<user id>`. */
  value: string;
  about: string;
  required?: boolean;
  /** May be given more than once. */
  multiple?: boolean;
}

/** A command's options as read: each a list, empty when it was not given. */
export type CliValues = Readonly<Record<string, readonly string[]>>;

export interface CliCommand {
  /** Two words, e.g. `key create`. */
  verb: string;
  about: string;
  options: Readonly<Record<string, CliOption>>;
  /** What is printed: as lines `name: value`, or as JSON with `--json`. */
  run(context: CliContext, values: CliValues): Promise<unknown>;
}

/** The value of an option that the command declares as required. */
export const valueOf = (values: CliValues, name: string): string => {
  const value = values[name]?.[0];
  if (value === undefined) throw new UsageError(`--${name} is required`);
  return value;
};

/** The value of an option that may be left out. */
export const optionalOf = (values: CliValues, name: string): string | null => values[name]?.[0] ?? null;
