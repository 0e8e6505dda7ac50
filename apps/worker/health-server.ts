import { createServer, type Server } from 'node:http';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { register, collectDefaultMetrics } from 'prom-client';
import { CONFIG, DATABASE, LOGGER } from '../../activities/injection-tokens';
import type { Config } from '../../libs/config/config';
import type { Database } from '../../libs/db/database';
import type { Logger } from '../../libs/telemetry/logger';
import { observeWebhookLedger } from '../../libs/webhooks/ledger-metrics';
import { TemporalWorkerHost } from './temporal-worker-host';

/** `GET /health` (the process lives), `/ready` (every worker polls) and `/metrics`; nothing else. */
@Injectable()
export class HealthServer implements OnApplicationBootstrap, OnApplicationShutdown {
  #server: Server | null = null;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(TemporalWorkerHost) private readonly host: TemporalWorkerHost,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    collectDefaultMetrics();
    observeWebhookLedger(register, this.db, this.logger);
    const server = createServer((request, response) => {
      const answer = (status: number, type: string, body: string) =>
        response.writeHead(status, { 'content-type': type }).end(body);
      if (request.url === '/health') return answer(200, 'application/json', '{"status":"ok"}');
      if (request.url === '/ready') {
        const ready = this.host.isRunning();
        return answer(
          ready ? 200 : 503,
          'application/json',
          JSON.stringify({ status: ready ? 'ready' : 'starting' }),
        );
      }
      if (request.url === '/metrics') {
        register.metrics().then(
          (text) => answer(200, register.contentType, text),
          () => answer(500, 'text/plain', 'metrics failed'),
        );
        return undefined;
      }
      return answer(404, 'text/plain', 'not found');
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(this.config.WORKER_PORT, this.config.WORKER_HOST, resolve);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    const server = this.#server;
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
