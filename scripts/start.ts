import { sayOnStdout, SetupError } from './project';
import { startStack } from './stack';

/** `npm start`: everything runs until Ctrl-C. */
async function main(): Promise<void> {
  const stack = await startStack();
  const lines = [
    ['API', stack.urls.api],
    ['API documentation', `${stack.urls.api}/docs`],
    ['Temporal UI', stack.urls.temporalUi],
    ['Sandbox providers', stack.urls.sandbox],
    ['Worker health', `${stack.urls.worker}/ready`],
    ['PostgreSQL', new URL(stack.env['DATABASE_URL'] ?? '').host],
  ] as const;
  sayOnStdout('');
  for (const [label, value] of lines) sayOnStdout(`  ${label.padEnd(18)} ${value}`);
  sayOnStdout('\nRunning. Ctrl-C stops everything and keeps the data.');
  const how = await stack.failed;
  await stack.stop();
  throw new SetupError(how);
}

main().catch((error: unknown) => {
  process.stderr.write(
    error instanceof SetupError
      ? `${error.message}\n`
      : `${String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(1);
});
