import type { LookupAddress, LookupAllOptions } from 'node:dns';
import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { isAllowedAddress, isIpLiteral } from './address-guard';
import { EgressError } from './egress-error';

/** How a name is resolved, so that a test can answer instead of the system. */
export type ResolveAll = (hostname: string, options: LookupAllOptions) => Promise<LookupAddress[]>;

export const resolveBySystem: ResolveAll = (hostname, options) => lookup(hostname, options);

/** For `net.connect`: resolves a name and keeps only the addresses that are allowed, so no packet leaves for another. */
export const guardedLookup =
  (resolve: ResolveAll, allowLoopback: boolean): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true })
      .then((found) => {
        const allowed = found.filter(({ address }) => isAllowedAddress(address, allowLoopback));
        const [first] = allowed;
        if (first === undefined)
          throw new EgressError('ADDRESS_BLOCKED', 'the name resolves to no public address');
        return { allowed, first };
      })
      .then(
        ({ allowed, first }) =>
          options.all === true ? callback(null, allowed) : callback(null, first.address, first.family),
        (error: NodeJS.ErrnoException) => callback(error, ''),
      );
  };

/**
 * For a connection that someone else makes (a proxy): every address of the host must be allowed, because the other side
 * picks one by itself.
 *
 * @throws EgressError `ADDRESS_BLOCKED`; the resolver's error when the name does not resolve
 */
export async function requireAllowedHost(
  host: string,
  resolve: ResolveAll,
  allowLoopback: boolean,
): Promise<void> {
  const addresses = isIpLiteral(host) ? [host] : (await resolve(host, { all: true })).map((a) => a.address);
  if (addresses.length === 0 || !addresses.every((address) => isAllowedAddress(address, allowLoopback)))
    throw new EgressError('ADDRESS_BLOCKED', 'the host has an address that is not public');
}
