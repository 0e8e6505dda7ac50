import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from './managed-process';
import { projectRoot, SetupError } from './project';
import { answersOk, untilReady } from './readiness';

/** The product's processes, the variable of each one's port, and the path that answers 2xx once it is ready. */
export const APPS = {
  sandbox: { portVariable: 'SANDBOX_PORT', customaryPort: 4000, readyPath: '/control/stats' },
  api: { portVariable: 'API_PORT', customaryPort: 3000, readyPath: '/ready' },
  worker: { portVariable: 'WORKER_PORT', customaryPort: 3001, readyPath: '/ready' },
} as const;

export type AppName = keyof typeof APPS;

/**
 * Starts one of the product's processes from `dist/` and waits until it is ready.
 * @param env must hold the app's port variable
 * @param onStart called with the process before it is ready, so that the caller can stop it
 * @throws SetupError with the end of its log
 */
export async function startApp(
  name: AppName,
  env: NodeJS.ProcessEnv,
  logDirectory: string,
  onStart: (child: ManagedProcess) => void,
): Promise<ManagedProcess> {
  const main = join(projectRoot, 'dist/apps', name, 'main.js');
  if (!existsSync(main)) throw new SetupError(`${main} is missing: run \`npm run build\``);
  const { portVariable, readyPath } = APPS[name];
  const child = startProcess({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', main],
    env,
    cwd: projectRoot,
    logFile: join(logDirectory, `${name}.log`),
  });
  onStart(child);
  await untilReady(child, () => answersOk(`http://127.0.0.1:${env[portVariable]}${readyPath}`), 60_000);
  return child;
}
