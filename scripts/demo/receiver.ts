import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface Receiver {
  url: string;
  /** Set once the endpoint exists; what came before is judged then, too. */
  useSecret(secret: string): void;
  delivered(): number;
  /** Deliveries whose signature the `standardwebhooks` library accepts. */
  verified(): number;
  types(): Map<string, number>;
  close(): Promise<void>;
}

/** A partner's webhook endpoint on loopback that keeps what it was sent and answers 204. */
export async function startReceiver(): Promise<Receiver> {
  const inbox: { headers: IncomingHttpHeaders; body: string }[] = [];
  let webhook: Webhook | null = null;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      inbox.push({ headers: request.headers, body: Buffer.concat(chunks).toString('utf8') });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const isVerified = ({ headers, body }: (typeof inbox)[number]): boolean => {
    const text = (name: string): string => String(headers[name] ?? '');
    try {
      webhook?.verify(body, {
        'webhook-id': text('webhook-id'),
        'webhook-timestamp': text('webhook-timestamp'),
        'webhook-signature': text('webhook-signature'),
      });
      return webhook !== null;
    } catch {
      return false;
    }
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    useSecret: (secret) => {
      webhook = new Webhook(secret);
    },
    delivered: () => inbox.length,
    verified: () => inbox.filter(isVerified).length,
    types: () => {
      const counts = new Map<string, number>();
      for (const { headers } of inbox) {
        const type = String(headers['x-diettracker-event']);
        counts.set(type, (counts.get(type) ?? 0) + 1);
      }
      return counts;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
