import { Agent, buildConnector } from 'undici';
import { isAllowedAddress, isIpLiteral, withoutBrackets } from './address-guard';
import { EgressError } from './egress-error';
import { guardedLookup, type ResolveAll, resolveBySystem } from './guarded-lookup';
import { tunnelConnector } from './proxy-tunnel';

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 4_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Half of the dispatcher's POSTs in flight, so that one host behind many endpoints cannot hold every socket. */
const SOCKETS_PER_ORIGIN = 64;

export interface EgressOptions {
  /** Development only (`WEBHOOK_ALLOW_LOOPBACK`): loopback addresses are allowed, and with it plain http. */
  allowLoopback: boolean;
  /** `WEBHOOK_PROXY_URL`: an http or https proxy that opens tunnels (CONNECT), with user and password if it wants them. */
  proxyUrl: string | null;
  /** For tests; the system's resolver by default. */
  resolve?: ResolveAll;
}

/**
 * The one HTTP pool of outbound webhooks: HTTP/1.1, one request at a time per socket, answers' headers up to 16 KiB. It
 * follows no redirects. Any port is allowed: partners run receivers on all sorts of them, and the address decides.
 *
 * The address is checked three times, because each check alone has a hole: an IP literal before connecting (no lookup
 * happens for it), a name's addresses as they are resolved (so that no packet leaves for a blocked one, rebinding
 * included), and the connected peer.
 *
 * With a proxy every request, https and plain http alike, goes through a CONNECT tunnel, and the proxy's own address is not
 * checked. The endpoint's host is: a literal, or all addresses the name has here and now, before the proxy hears of it.
 * What the guard cannot see then: the proxy resolves the name once more, so a rebinding name may answer it with another
 * address, and the connected peer is the proxy. So use one that refuses private addresses itself, as Smokescreen does.
 */
export function openEgress({ allowLoopback, proxyUrl, resolve = resolveBySystem }: EgressOptions): Agent {
  const connect =
    proxyUrl === null
      ? directConnector(resolve, allowLoopback)
      : tunnelConnector({ proxyUrl, resolve, allowLoopback, timeoutMs: CONNECT_TIMEOUT_MS });
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connections: SOCKETS_PER_ORIGIN,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    connect: (options, callback) => {
      const host = withoutBrackets(options.hostname);
      if (isIpLiteral(host) && !isAllowedAddress(host, allowLoopback))
        callback(new EgressError('ADDRESS_BLOCKED', 'the address is not public'), null);
      else if (options.protocol !== 'https:' && !allowLoopback)
        callback(new EgressError('HTTPS_REQUIRED', 'webhooks go over https only'), null);
      else connect(options, callback);
    },
  });
}

function directConnector(resolve: ResolveAll, allowLoopback: boolean): buildConnector.connector {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    lookup: guardedLookup(resolve, allowLoopback),
  });
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error) return callback(error, null);
      if (isAllowedAddress(socket.remoteAddress ?? '', allowLoopback)) return callback(null, socket);
      socket.destroy();
      callback(new EgressError('ADDRESS_BLOCKED', 'the connected address is not public'), null);
    });
}
