import type { FastifyInstance, FastifyRequest } from 'fastify';

/** Answers are data: nothing in them may run, be framed or be kept by a cache. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/** Swagger UI brings its own scripts and inline styles, all from this host. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const HSTS = 'max-age=31536000; includeSubDomains';

/** The security headers (OWASP Secure Headers) and the request id of an answer. */
export function securityHeaders(request: FastifyRequest, https: boolean): Record<string, string> {
  const docs = request.url === '/docs' || request.url.startsWith('/docs/');
  return {
    'x-request-id': request.id,
    'content-security-policy': docs ? DOCS_POLICY : STRICT_POLICY,
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    ...(https ? { 'strict-transport-security': HSTS } : {}),
    ...(docs ? {} : { 'cache-control': 'no-store' }),
  };
}

/** Sets them on every answer of a route; what the router itself refuses runs no hook and sets them on its own. */
export function addSecurityHeaders(fastify: FastifyInstance, https: boolean): void {
  fastify.addHook('onSend', async (request, reply) => {
    void reply.headers(securityHeaders(request, https));
  });
}
