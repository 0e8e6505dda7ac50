/**
 * Why egress made no connection.
 *
 * - `ADDRESS_BLOCKED`: the endpoint's address is not one a webhook may go to
 * - `HTTPS_REQUIRED`: plain http, which only loopback in development may use
 * - `PROXY_REFUSED`: our proxy answered, and did not open the tunnel
 * - `PROXY_FAILED`: our proxy did not answer
 */
export class EgressError extends Error {
  constructor(
    readonly code: 'ADDRESS_BLOCKED' | 'HTTPS_REQUIRED' | 'PROXY_REFUSED' | 'PROXY_FAILED',
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'EgressError';
  }
}
