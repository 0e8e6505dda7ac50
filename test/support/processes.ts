import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newEncryptionKeys } from '../../libs/config/config';
import { freePort } from '../../scripts/ports';
import { APPS, type AppName, startApp } from '../../scripts/stack-apps';
import { type StackAddresses, stackEnvironment } from '../../scripts/stack-env';
import type { ManagedProcess } from '../../scripts/managed-process';

export interface TestProcess {
  name: AppName;
  /** `http://127.0.0.1:<port>` */
  url: string;
  pid: number;
  logFile: string;
  /** SIGTERM, and SIGKILL after 45 s: an orderly shutdown. */
  stop(): Promise<void>;
  /** SIGKILL at once: a crash. */
  kill9(): Promise<void>;
}

export type SystemInput = Pick<StackAddresses, 'databaseUrl' | 'temporalAddress' | 'temporalNamespace'>;

/** One environment for api, worker and sandbox of a suite, on free ports, every provider played by the sandbox. */
export async function systemEnvironment(
  input: SystemInput,
  own: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const [apiPort, workerPort, sandboxPort] = [await freePort(), await freePort(), await freePort()];
  const env = stackEnvironment({ ...input, temporalUiUrl: null, apiPort, workerPort, sandboxPort }, '', {
    PATH: process.env['PATH'],
    NODE_ENV: 'test',
    ENCRYPTION_KEYS: newEncryptionKeys(),
    ...own,
  });
  return Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
}

/**
 * Starts api, worker or sandbox from `dist/` with the environment and waits until it is ready.
 * @throws SetupError with the end of its log when it does not become ready
 */
export async function startTestProcess(
  name: AppName,
  env: Readonly<Record<string, string>>,
): Promise<TestProcess> {
  let started: ManagedProcess | undefined;
  const logs = mkdtempSync(join(tmpdir(), `dt-${name}-`));
  try {
    const child = await startApp(name, { ...env }, logs, (process_) => {
      started = process_;
    });
    return {
      name,
      url: `http://127.0.0.1:${env[APPS[name].portVariable]}`,
      pid: child.pid,
      logFile: child.logFile,
      stop: () => child.stop(45_000),
      kill9: () => child.kill(),
    };
  } catch (error) {
    await started?.kill();
    throw error;
  }
}
