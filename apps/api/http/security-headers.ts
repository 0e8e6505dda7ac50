import type { FastifyInstance } from 'fastify';

/** Answers are data: nothing in them may run, be framed or be kept by a cache. */
const STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/** Swagger UI brings its own scripts and inline styles, all from this host. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const HSTS = 'max-age=31536000; includeSubDomains';

/** Sets the security headers (OWASP Secure Headers) and the request id on every answer. */
export function addSecurityHeaders(fastify: FastifyInstance, https: boolean): void {
  fastify.addHook('onSend', async (request, reply) => {
    const docs = request.url === '/docs' || request.url.startsWith('/docs/');
    void reply.headers({
      'x-request-id': request.id,
      'content-security-policy': docs ? DOCS_POLICY : STRICT_POLICY,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'interest-cohort=()',
      ...(https ? { 'strict-transport-security': HSTS } : {}),
      ...(docs ? {} : { 'cache-control': 'no-store' }),
    });
  });
}
