import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from './managed-process';
import { processIdentity } from './process-identity';
import { claimStack } from './stack-lock';

const folder = () => mkdtempSync(join(tmpdir(), 'dt-lock-'));
const silent = () => undefined;

const sleeper = (cwd: string) =>
  startProcess({
    name: 'sleeper',
    command: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    env: {},
    cwd,
    logFile: join(cwd, 'sleeper.log'),
  });

/** A book as a process that is dead by now would have left it. */
async function bookOfDeadOwner(
  data: string,
  children: { name: string; pid: number; identity: string | null }[],
) {
  const dead = spawn(process.execPath, ['-e', '']);
  const owner = { name: 'owner', pid: dead.pid, identity: processIdentity(dead.pid ?? 0) };
  await once(dead, 'exit');
  writeFileSync(join(data, 'pids.json'), JSON.stringify({ owner, children }));
}

test('stops what a killed owner left running', async () => {
  const data = folder();
  const child = sleeper(data);
  await bookOfDeadOwner(data, [{ name: 'sleeper', pid: child.pid, identity: processIdentity(child.pid) }]);
  const said: string[] = [];
  const lock = await claimStack(data, (line) => said.push(line));
  await child.exited;
  expect(said).toEqual([expect.stringContaining(`sleeper (${child.pid})`)]);
  lock.release();
  expect(existsSync(join(data, 'pids.json'))).toBe(false);
});

test('leaves a later process with the same pid alone', async () => {
  const data = folder();
  const child = sleeper(data);
  await bookOfDeadOwner(data, [{ name: 'old', pid: child.pid, identity: 'another start time' }]);
  await claimStack(data, silent);
  expect(child.isRunning()).toBe(true);
  expect(processIdentity(child.pid)).not.toBeNull();
  await child.kill();
});

test('refuses a folder a living process owns, and takes one with a torn book', async () => {
  const data = folder();
  const owner = sleeper(data);
  writeFileSync(
    join(data, 'pids.json'),
    JSON.stringify({
      owner: { name: 'owner', pid: owner.pid, identity: processIdentity(owner.pid) },
      children: [],
    }),
  );
  await expect(claimStack(data, silent)).rejects.toThrow(`Process ${owner.pid} already runs a stack`);
  await owner.kill();
  writeFileSync(join(data, 'pids.json'), '{"owner":');
  await claimStack(data, silent);
});
