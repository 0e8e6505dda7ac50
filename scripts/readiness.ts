import { setTimeout as sleep } from 'node:timers/promises';
import { type ManagedProcess, tailOf } from './managed-process';
import { SetupError } from './project';

/**
 * Waits until `probe` succeeds. Fails at once when the process ends, and after `timeoutMs` otherwise, with the end of
 * its log.
 */
export async function untilReady(
  child: ManagedProcess,
  probe: () => Promise<boolean>,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let end: string | undefined;
  void child.exited.then((how) => {
    end = how;
  });
  while (!(await probe())) {
    const trouble = end ?? (Date.now() > deadline ? `is not ready after ${timeoutMs / 1000} s` : undefined);
    if (trouble !== undefined)
      throw new SetupError(`${child.name} ${trouble}. End of ${child.logFile}:\n${tailOf(child.logFile)}`);
    await sleep(100);
  }
}

/** True when the URL answers 2xx within 2 s. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
