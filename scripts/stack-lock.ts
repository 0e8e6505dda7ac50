import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ManagedProcess, signalGroup } from './managed-process';
import { processIdentity } from './process-identity';
import { type Say, SetupError } from './project';

interface Member {
  name: string;
  pid: number;
  /** Tells this process from a later one with the same pid. */
  identity: string | null;
}

interface Book {
  owner: Member;
  children: Member[];
}

const isAlive = ({ pid, identity }: Member): boolean =>
  identity !== null && processIdentity(pid) === identity;

const memberOf = (name: string, pid: number): Member => ({ name, pid, identity: processIdentity(pid) });

/** The processes of one stack, on disk, so that the next start finds what a killed one left behind. */
export interface StackLock {
  add(child: ManagedProcess): void;
  release(): void;
}

/**
 * Claims the data folder for this process. Children that a killed owner left running are stopped first.
 * @throws SetupError when a living process owns the folder
 */
export async function claimStack(dataFolder: string, say: Say): Promise<StackLock> {
  const file = join(dataFolder, 'pids.json');
  if (existsSync(file)) await stopLeftovers(readBook(file), dataFolder, say);
  const book: Book = { owner: memberOf('owner', process.pid), children: [] };
  const write = () => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(book, null, 2));
  };
  write();
  return {
    add(child) {
      book.children.push(memberOf(child.name, child.pid));
      write();
    },
    release: () => rmSync(file, { force: true }),
  };
}

/** A book that was cut off in mid-write tells nothing. */
function readBook(file: string): Book | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Book;
  } catch {
    return null;
  }
}

async function stopLeftovers(book: Book | null, dataFolder: string, say: Say): Promise<void> {
  if (book === null) return;
  if (book.owner.pid !== process.pid && isAlive(book.owner))
    throw new SetupError(
      `Process ${book.owner.pid} already runs a stack on ${dataFolder}: stop it first, or set DATA_DIR to another folder`,
    );
  const left = book.children.filter(isAlive);
  if (left.length === 0) return;
  say(
    `Stopping what an earlier run left behind: ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}`,
  );
  for (const { pid } of left) signalGroup(pid, 'SIGTERM');
  const deadline = Date.now() + 3_000;
  while (left.some(isAlive) && Date.now() < deadline) await sleep(100);
  for (const member of left) if (isAlive(member)) signalGroup(member.pid, 'SIGKILL');
}
