import { lookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { isAllowedAddress, isIpLiteral } from './address-guard';

const CONNECT_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 4_000;

/** The endpoint's address is not one a webhook may go to. */
class AddressBlockedError extends Error {
  readonly code = 'ADDRESS_BLOCKED';
}

/**
 * The one HTTP pool of outbound webhooks, HTTP/1.1 only. The address is checked three times, because each check alone has
 * a hole: an IP literal before connecting (no lookup happens for it), a name's addresses as they are resolved (so that
 * no packet leaves for a blocked one, rebinding included), and the connected peer. It follows no redirects.
 */
export function openEgress(allowLoopback: boolean): Agent {
  const connect = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    lookup: guardedLookup(allowLoopback),
  });
  return new Agent({
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: (options, callback) => {
      const host = options.hostname.replace(/^\[|\]$/g, '');
      if (isIpLiteral(host) && !isAllowedAddress(host, allowLoopback)) {
        callback(new AddressBlockedError('the address is not public'), null);
        return;
      }
      connect(options, (...[error, socket]) => {
        if (error) return callback(error, null);
        if (isAllowedAddress(socket.remoteAddress ?? '', allowLoopback)) return callback(null, socket);
        socket.destroy();
        callback(new AddressBlockedError('the connected address is not public'), null);
      });
    },
  });
}

/** Resolves as usual and keeps only the addresses that are allowed. */
const guardedLookup =
  (allowLoopback: boolean): LookupFunction =>
  (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      const allowed = error ? [] : found.filter(({ address }) => isAllowedAddress(address, allowLoopback));
      const [first] = allowed;
      if (first === undefined)
        return callback(error ?? new AddressBlockedError('the name resolves to no public address'), '');
      answer(callback, options.all === true, allowed, first);
    });
  };

function answer(
  callback: Parameters<LookupFunction>[2],
  all: boolean,
  addresses: LookupAddress[],
  first: LookupAddress,
): void {
  if (all) callback(null, addresses);
  else callback(null, first.address, first.family);
}
