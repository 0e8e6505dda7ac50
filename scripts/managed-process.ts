import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessSpec {
  name: string;
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Standard output and error go to this file, appended. */
  logFile: string;
}

export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when the process has ended, with how it ended. */
  readonly exited: Promise<string>;
  isRunning(): boolean;
  /** Asks with SIGTERM, insists with SIGKILL after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL, at once. */
  kill(): Promise<void>;
}

const running = new Set<number>();

/** The last resort when this process exits without having stopped its children. */
process.on('exit', () => {
  for (const pid of running) signalGroup(pid, 'SIGKILL');
});

/** Signals a process and everything it started. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/**
 * Starts a child as the head of a process group of its own: Ctrl-C at the terminal does not reach it, so the order of
 * stopping is ours, and one signal ends it with all it started.
 */
export function startProcess(spec: ProcessSpec): ManagedProcess {
  mkdirSync(dirname(spec.logFile), { recursive: true });
  const log = openSync(spec.logFile, 'a');
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  let ended = false;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `exited with ${code}`));
  }).finally(() => {
    ended = true;
    running.delete(child.pid ?? 0);
  });
  if (child.pid !== undefined) running.add(child.pid);
  const pid = child.pid ?? 0;

  const end = async (signal: NodeJS.Signals, graceMs: number): Promise<void> => {
    if (ended || pid === 0) return;
    signalGroup(pid, signal);
    const late = new AbortController();
    const timer = sleep(graceMs, 'late', { signal: late.signal }).catch(() => 'ended');
    const first = await Promise.race([exited, timer]);
    late.abort();
    if (first !== 'late') return;
    signalGroup(pid, 'SIGKILL');
    await exited;
  };
  return {
    name: spec.name,
    pid,
    logFile: spec.logFile,
    exited,
    isRunning: () => !ended,
    stop: (graceMs = 10_000) => end('SIGTERM', graceMs),
    kill: () => end('SIGKILL', 5_000),
  };
}

/** The end of a log, for an error message. */
export function tailOf(logFile: string, lines = 15): string {
  try {
    return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
