import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error(`the project's folder was not found above ${__dirname}`);
  return findRoot(parent);
}

/** The checkout, found from the sources and from `dist/` alike. */
export const projectRoot = findRoot(__dirname);

/** Where servers started by the scripts keep their data and logs; not under version control. `DATA_DIR` moves it. */
export const dataDirectory = resolve(projectRoot, process.env['DATA_DIR'] ?? '.data');

/** Written by a running stack, so that commands in another terminal find its servers. */
export const STACK_ENV_FILE = join(dataDirectory, 'stack.env');

/** A line for the person at the terminal. */
export type Say = (line: string) => void;

export const sayOnStdout: Say = (line) => {
  process.stdout.write(`${line}\n`);
};

/** A failure whose message tells the person what to do; printed without a stack. */
export class SetupError extends Error {
  override name = 'SetupError';
}
