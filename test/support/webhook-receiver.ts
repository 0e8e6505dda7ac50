import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expectKnownEvent } from './event-contract';

interface ReceivedWebhook {
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

export interface WebhookReceiver {
  url: string;
  received: ReceivedWebhook[];
  /** How the next requests are answered; 200 at first. */
  answer: (response: ServerResponse, webhook: ReceivedWebhook) => void;
  /** @throws Error when a body did not fit the schema of its event type */
  close(): Promise<void>;
}

/** A partner's endpoint on loopback. Every body it gets is checked with the schema partners have. */
export async function openReceiver(): Promise<WebhookReceiver> {
  const unknown: unknown[] = [];
  const check = (body: string): void => {
    try {
      expectKnownEvent(body);
    } catch (error) {
      unknown.push(error);
    }
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const webhook = {
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        at: Date.now(),
      };
      if (request.method === 'POST') check(webhook.body);
      receiver.received.push(webhook);
      receiver.answer(response, webhook);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer: (response) => response.end('ok'),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      if (unknown.length > 0) throw unknown[0];
    },
  };
  return receiver;
}
