import { createServer } from 'node:net';
import { type Say, SetupError } from './project';

/** Below the range the kernel gives to outgoing connections, so that nobody else is handed a port found here. */
const FIRST = 20_000;
const COUNT = 12_000;

export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

/** A port of 127.0.0.1 nobody listens on right now. Random, so that parallel callers rarely meet. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isPortFree(port)) return port;
  }
  throw new SetupError(`no free port was found on 127.0.0.1 between ${FIRST} and ${FIRST + COUNT}`);
}

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}

/**
 * The port for a server. One that somebody asked for by `variable` must be free; the customary one gives way to a free
 * one, and the person is told.
 * @throws SetupError when the port asked for is in use
 */
export async function choosePort(
  what: string,
  variable: string,
  customary: number,
  env: NodeJS.ProcessEnv,
  say: Say,
): Promise<number> {
  const asked = env[variable];
  if (asked !== undefined && asked !== '') {
    const port = Number(asked);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new SetupError(`${variable} is not a port number: ${asked}`);
    if (port === 0) return freePort();
    if (await isPortFree(port)) return port;
    throw new SetupError(`${what}: port ${port} of 127.0.0.1 is in use; set ${variable} to another one`);
  }
  if (await isPortFree(customary)) return customary;
  const port = await freePort();
  say(`${what}: port ${customary} is in use, taking ${port} (set ${variable} to choose)`);
  return port;
}
