import ipaddr from 'ipaddr.js';

/**
 * May a webhook go to this IP address? Only globally routable unicast, by the IANA special-purpose registries
 * (RFC 6890) as ipaddr.js knows them; loopback when allowed. IPv4 inside IPv6 (`::ffff:…`) is judged as IPv4.
 */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  if (!ipaddr.isValid(address)) return false;
  const range = ipaddr.process(address).range();
  return range === 'unicast' || (allowLoopback && range === 'loopback');
}

export const isIpLiteral = (host: string): boolean => ipaddr.isValid(host);

/** `localhost` and names below it, which RFC 6761 §6.3 keeps for loopback. */
export const isLoopbackName = (host: string): boolean => /^(.+\.)?localhost\.?$/i.test(host);
