import { arePublished } from './servers';
import { startTestRun, stopTestRun } from './test-run';

/** Once per jest run: jest calls it for each distinct path, and a second call finds the servers already there. */
export default async function globalSetup(): Promise<void> {
  if (arePublished()) return;
  const stop = () => void stopTestRun().finally(() => process.exit(130));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  await startTestRun();
}
