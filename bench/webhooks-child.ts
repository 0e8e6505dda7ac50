import { fork } from 'node:child_process';
import { join } from 'node:path';

const READY_TIMEOUT_MS = 30_000;

type FromChild<Result> =
  { kind: 'ready' } | { kind: 'done'; result: Result } | { kind: 'failed'; error: string };

export interface Job<Result> {
  pid: number;
  /** Lets the child begin and answers its result. @throws what the child threw, or when it takes too long */
  run(timeoutMs: number): Promise<Result>;
  /** Ends the child, finished or not. */
  end(): void;
}

/**
 * Starts `bench/<name>.js` as a process of its own with a job to prepare (connections, memory), and holds it until `run`,
 * so that what is measured begins with the work.
 */
export async function startJob<Input, Result>(name: string, input: Input): Promise<Job<Result>> {
  const child = fork(join(__dirname, `${name}.js`), { execArgv: [] });
  const next = (timeoutMs: number): Promise<FromChild<Result>> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => settle(new Error(`${name} took more than ${timeoutMs} ms`)), timeoutMs);
      const onMessage = (message: unknown): void => settle(message as FromChild<Result>);
      const onExit = (code: number | null): void => settle(new Error(`${name} ended early (${code})`));
      const settle = (outcome: FromChild<Result> | Error): void => {
        clearTimeout(late);
        child.off('message', onMessage).off('exit', onExit);
        if (outcome instanceof Error) reject(outcome);
        else if (outcome.kind === 'failed') reject(new Error(`${name}: ${outcome.error}`));
        else resolve(outcome);
      };
      child.on('message', onMessage).on('exit', onExit);
    });
  try {
    child.send(input as object);
    await next(READY_TIMEOUT_MS);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    pid: child.pid!,
    async run(timeoutMs) {
      child.send({ go: true });
      const message = await next(timeoutMs);
      if (message.kind !== 'done') throw new Error(`${name} answered out of turn`);
      return message.result;
    },
    end: () => void child.kill('SIGKILL'),
  };
}

const MAX_ERROR_CHARS = 500;

/** An error and its causes; a failed statement would bring all its parameters along. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.message.slice(0, MAX_ERROR_CHARS);
  return error.cause === undefined ? own : `${wordsOf(error.cause)}\nin: ${own}`;
}

/** The child's side of `startJob`: prepares with the input, says so, waits for the word, works and answers. */
export function serveJob<Input, Result>(prepare: (input: Input) => Promise<() => Promise<Result>>): void {
  const tell = (message: FromChild<Result>): void => void process.send?.(message);
  const failed = (error: unknown): void => tell({ kind: 'failed', error: wordsOf(error) });
  process.once('disconnect', () => process.exit(1));
  process.once('message', (input) => {
    prepare(input as Input).then((work) => {
      process.once('message', () => {
        work().then((result) => tell({ kind: 'done', result }), failed);
      });
      tell({ kind: 'ready' });
    }, failed);
  });
}
