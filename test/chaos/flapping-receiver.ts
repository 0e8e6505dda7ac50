import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/ports';
import { waitUntil } from '../support/wait-until';
import type { Behaviour, Phase } from './chaos-plan';
import { type SignatureCheck, SecretBook } from './signature-check';

/** One request as its receiver saw it. Times are Unix ms of this process. */
export interface ReceivedRequest {
  endpointId: string;
  eventId: string;
  deliveryId: string;
  attempt: number;
  seq: number;
  type: string;
  bodySha256: string;
  /** `id` and `seq` as the body says. */
  body: { id: string; seq: number };
  signatures: SignatureCheck;
  startedAt: number;
  /** When the answer was out, or the connection gone. */
  endedAt: number | null;
  /** The status line that was sent; null when none was. */
  status: number | null;
  /** The whole answer was sent. */
  complete: boolean;
}

/** A 2xx that was sent whole. */
export const isAccepted = (r: ReceivedRequest): boolean =>
  r.complete && r.status !== null && r.status >= 200 && r.status < 300;

const DRIPS = 8;
const DRIP_MS = 250;

/** A partner's endpoint on a port of its own, which can die and come back on that port. */
export class FlappingReceiver {
  readonly secrets = new SecretBook();
  readonly received: ReceivedRequest[] = [];
  /** Requests that followed a redirect, or came on another path: there must be none. */
  readonly strays: string[] = [];
  endpointId = '';
  #behaviour: Behaviour = 'accept';
  #server: Server | null = null;
  readonly #dripping = new Set<Promise<void>>();

  private constructor(readonly port: number) {}

  static async open(): Promise<FlappingReceiver> {
    const receiver = new FlappingReceiver(await freePort());
    await receiver.#listen();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Plays the phases, and `lastly` for good. @throws AbortError when `signal` ends it */
  async live(phases: readonly Phase[], lastly: 'accept' | 'down', signal: AbortSignal): Promise<void> {
    for (const { behaviour, durationMs } of phases) {
      await this.#become(behaviour);
      await pause(durationMs, undefined, { signal });
    }
    await this.#become(lastly);
  }

  async close(): Promise<void> {
    await this.#become('down');
  }

  async #become(behaviour: Behaviour): Promise<void> {
    this.#behaviour = behaviour;
    if (behaviour === 'down') await this.#die();
    else if (this.#server === null) await this.#listen();
  }

  /** The port was ours a moment ago; somebody's outgoing connection may hold it for a short while. */
  async #listen(): Promise<void> {
    await waitUntil(
      async () => {
        const server = createServer((request, response) => {
          this.#take(request, response).catch(() => request.socket.destroy());
        });
        server.keepAliveTimeout = 60_000;
        server.listen(this.port, '127.0.0.1');
        await once(server, 'listening');
        this.#server = server;
        return true;
      },
      { what: `port ${this.port}` },
    );
  }

  async #die(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    // A 2xx whose body is under way counts for the sender: it is not taken back.
    await Promise.all(this.#dripping);
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = Date.now();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    if (request.method !== 'POST' || request.url !== '/hook') {
      this.strays.push(`${request.method} ${request.url}`);
      response.writeHead(404).end();
      return;
    }
    const headers = request.headers as Record<string, string>;
    const body = JSON.parse(raw.toString('utf8')) as { id: string; seq: number };
    const entry: ReceivedRequest = {
      endpointId: this.endpointId,
      eventId: headers['webhook-id'] ?? '',
      deliveryId: headers['x-diettracker-delivery'] ?? '',
      attempt: Number(headers['x-diettracker-attempt']),
      seq: Number(headers['x-diettracker-sequence']),
      type: headers['x-diettracker-event'] ?? '',
      bodySha256: createHash('sha256').update(raw).digest('base64'),
      body: { id: body.id, seq: body.seq },
      signatures: this.secrets.check(headers, raw.toString('utf8')),
      startedAt,
      endedAt: null,
      status: null,
      complete: false,
    };
    this.received.push(entry);
    response.once('finish', () => {
      entry.complete = true;
      entry.endedAt = Date.now();
    });
    response.once('close', () => {
      entry.endedAt ??= Date.now();
    });
    this.#answer(request, response);
    entry.status = response.headersSent ? response.statusCode : null;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    switch (this.#behaviour) {
      case 'accept':
        response.writeHead(200).end('ok');
        return;
      case 'http_500':
        response.writeHead(500).end('broken');
        return;
      case 'http_429':
        response.writeHead(429, { 'retry-after': '1' }).end('slow down');
        return;
      case 'redirect':
        response.writeHead(307, { location: `http://127.0.0.1:${this.port}/stolen` }).end();
        return;
      case 'drip': {
        const dripping = drip(response).finally(() => this.#dripping.delete(dripping));
        this.#dripping.add(dripping);
        return;
      }
      case 'reset':
      case 'down':
        request.socket.resetAndDestroy();
        return;
      case 'hang':
        return;
    }
  }
}

async function drip(response: ServerResponse): Promise<void> {
  response.writeHead(200);
  for (let i = 0; i < DRIPS && !response.destroyed; i += 1) {
    response.write('.');
    await pause(DRIP_MS);
  }
  response.end();
}
