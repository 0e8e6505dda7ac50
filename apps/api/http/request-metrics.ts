import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Histogram, type Registry } from 'prom-client';
import type { Logger } from '../../../libs/telemetry/logger';

/** Measures and logs every request by its route pattern; ids and query strings stay out of both. */
export function observeRequests(fastify: FastifyInstance, metrics: Registry, logger: Logger): void {
  collectDefaultMetrics({ register: metrics });
  const durations = new Histogram({
    name: 'diettracker_http_request_duration_seconds',
    help: 'Time from the request to the end of the answer',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [metrics],
  });
  fastify.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown');
    const status = String(reply.statusCode);
    durations.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
    logger.debug('request', {
      requestId: request.id,
      method: request.method,
      route,
      status,
      durationMs: Math.round(reply.elapsedTime),
    });
  });
}
