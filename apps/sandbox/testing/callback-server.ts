import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedCall {
  method: string;
  url: URL;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface CallbackServer {
  url: string;
  calls: ReceivedCall[];
  /** Resolves as soon as `count` calls that `wanted` accepts have come. */
  waitFor: (count: number, wanted?: (call: ReceivedCall) => boolean) => Promise<ReceivedCall[]>;
  close(): Promise<void>;
}

/** A product's webhook endpoint on a free port; `answer` decides what it replies. */
export async function startCallbackServer(
  answer: (call: ReceivedCall) => { status: number; body?: string },
): Promise<CallbackServer> {
  const calls: ReceivedCall[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const call: ReceivedCall = {
        method: request.method ?? '',
        url: new URL(request.url ?? '/', 'http://127.0.0.1'),
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      calls.push(call);
      const { status, body } = answer(call);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      for (const watcher of watchers) watcher();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    calls,
    waitFor: (count, wanted = () => true) =>
      new Promise((resolve) => {
        const check = (): void => {
          const found = calls.filter(wanted);
          if (found.length < count) return;
          watchers.delete(check);
          resolve(found);
        };
        watchers.add(check);
        check();
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
