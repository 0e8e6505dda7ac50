import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import type { Database } from '../libs/db/database';
import { dataDirectory } from '../scripts/project';

/** CPU and memory of every process of a run, from /proc (proc_pid_stat(5)): Linux only. */

/** USER_HZ: the unit of utime and stime; 100 on every architecture Node runs on. */
const TICKS_PER_SECOND = 100;

/** Whose CPU a process's time is. `others` is what the machine did besides: it tells how quiet a run was. */
type CpuGroup = 'worker' | 'postgres' | 'temporal' | 'api' | 'loader' | 'sink' | 'others';

interface Stat {
  pid: number;
  ppid: number;
  /** Its own time and that of its ended children. */
  seconds: number;
}

function readStat(pid: number): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(String((error as NodeJS.ErrnoException).code))) return null;
    throw error;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return { pid, ppid: Number(fields[1]), seconds: ticks / TICKS_PER_SECOND };
}

const readAll = (): Stat[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);

/** Seconds of a process and everything under it. */
function secondsOfTree(all: readonly Stat[], root: number): number {
  const own = all.find(({ pid }) => pid === root)?.seconds ?? 0;
  return all
    .filter(({ ppid }) => ppid === root)
    .reduce((total, { pid }) => total + secondsOfTree(all, pid), own);
}

/** Busy seconds of all cores: all of proc_stat(5)'s first line but idle, iowait and the guests, which user holds. */
function busySeconds(): number {
  const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user, nice, system, , , irq, softirq, steal] = line!.trim().split(/\s+/).slice(1).map(Number);
  return (
    [user, nice, system, irq, softirq, steal].reduce<number>((a, b) => a + (b ?? 0), 0) / TICKS_PER_SECOND
  );
}

/** @throws Error on a system without /proc */
export function refuseOtherSystems(): void {
  if (process.platform !== 'linux')
    throw new Error('bench:webhooks reads CPU and memory from /proc and runs on Linux only');
}

/** Pids of the stack's processes by name, the newest of a name last (scripts/stack-lock.ts writes the file). */
function stackPids(name: string): number[] {
  const book = JSON.parse(readFileSync(join(dataDirectory, 'pids.json'), 'utf8')) as {
    children: { name: string; pid: number }[];
  };
  return book.children.filter((child) => child.name === name).map(({ pid }) => pid);
}

/** The worker that runs now. */
export function workerPid(): number {
  const pid = stackPids('worker').at(-1);
  if (pid === undefined) throw new Error('no worker is running');
  return pid;
}

/** The server's first process: the parent of our own backend. @throws Error when PostgreSQL is on another machine */
async function postmasterPid(db: Database): Promise<number> {
  const [row] = await db.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  const stat = readStat(row!.pid);
  if (stat === null)
    throw new Error('PostgreSQL must run on this machine: its CPU counts (unset DATABASE_URL)');
  return stat.ppid;
}

/** CPU seconds so far, per group. */
export type CpuSeconds = Readonly<Record<CpuGroup, number>>;

export interface CpuMeter {
  read(loaderPid: number): CpuSeconds;
}

/** A meter over the whole run. The Temporal UI and the sandbox stand by idle and are left out. */
export async function openCpuMeter(db: Database, sinkPid: number): Promise<CpuMeter> {
  const postmaster = await postmasterPid(db);
  return {
    read(loaderPid) {
      const all = readAll();
      const trees = (pids: readonly number[]): number =>
        pids.reduce((total, pid) => total + secondsOfTree(all, pid), 0);
      const ours = {
        worker: trees([workerPid()]),
        postgres: trees([postmaster]),
        temporal: trees(stackPids('temporal')),
        api: trees(stackPids('api')),
        loader: trees([loaderPid]),
        sink: trees([sinkPid]),
      };
      const sum = Object.values(ours).reduce((a, b) => a + b, 0);
      return { ...ours, others: busySeconds() - sum };
    },
  };
}

/** Resident memory of a process in bytes (`VmRSS` of proc_pid_status(5), which counts in KiB). */
export function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (kib === undefined) throw new Error(`process ${pid} tells no VmRSS`);
  return Number(kib) * 1024;
}
