import type { FastifyAdapter } from '@nestjs/platform-fastify';

/**
 * JSON is the only body we read. An empty JSON body counts as none, because many clients send the header with every
 * POST; `__proto__` and `constructor.prototype` keys are refused by Fastify's own parser.
 */
export function parseBodies(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance();
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    return parseJson(request, String(body), done);
  });
}
