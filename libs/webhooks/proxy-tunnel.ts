import { isIPv6, type Socket } from 'node:net';
import { buildConnector, Pool } from 'undici';
import { withoutBrackets } from './address-guard';
import { EgressError } from './egress-error';
import { requireAllowedHost, type ResolveAll } from './guarded-lookup';

export interface TunnelOptions {
  proxyUrl: string;
  resolve: ResolveAll;
  allowLoopback: boolean;
  /** For each step: reaching the proxy, its answer to CONNECT, the TLS handshake with the endpoint. */
  timeoutMs: number;
}

/**
 * Connects through a proxy: checks the host, asks for a tunnel (CONNECT, RFC 9110 §9.3.6) and does TLS with the endpoint
 * inside it. undici's ProxyAgent is not used because it has no place to wait for the check before CONNECT, it sends
 * plain http to the proxy instead of through a tunnel, and its errors do not tell the proxy's failures from the endpoint's.
 */
export function tunnelConnector(options: TunnelOptions): buildConnector.connector {
  const { proxyUrl, timeoutMs } = options;
  const { origin, username, password } = new URL(proxyUrl);
  const connectProxy = buildConnector({ timeout: timeoutMs, allowH2: false });
  const proxy = new Pool(origin, {
    allowH2: false,
    // undici takes the TLS name from the Host header, which is the endpoint's here.
    connect: ({ servername: _endpoint, ...own }, callback) => connectProxy(own, callback),
    headersTimeout: timeoutMs,
  });
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const headers =
    username === '' ? {} : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
  const startTls = buildConnector({ timeout: timeoutMs, allowH2: false });

  return (target, callback) => {
    const host = withoutBrackets(target.hostname);
    const port = target.port || (target.protocol === 'https:' ? 443 : 80);
    requireAllowedHost(host, options.resolve, options.allowLoopback)
      .then(() => openTunnel(proxy, `${isIPv6(host) ? `[${host}]` : host}:${port}`, headers))
      .then(
        (socket) =>
          target.protocol === 'https:'
            ? startTls({ ...target, httpSocket: socket }, callback)
            : callback(null, socket),
        (error: Error) => callback(error, null),
      );
  };
}

/** @throws EgressError `PROXY_REFUSED` or `PROXY_FAILED` */
async function openTunnel(proxy: Pool, authority: string, headers: Record<string, string>): Promise<Socket> {
  const { socket, statusCode } = await proxy
    .connect({ path: authority, headers: { ...headers, host: authority } })
    .catch((cause: unknown) => {
      throw new EgressError('PROXY_FAILED', 'the proxy did not answer', { cause });
    });
  if (statusCode >= 200 && statusCode < 300) return socket as Socket;
  socket.destroy();
  throw new EgressError('PROXY_REFUSED', `the proxy answered ${statusCode} to CONNECT`);
}
