import ipaddr from 'ipaddr.js';

/** All of IPv6 that IANA has opened for global unicast (RFC 4291 §2.4): ipaddr.js calls `::7f00:1` unicast as well. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * May a webhook go to this IP address? Only globally routable unicast, by the IANA special-purpose registries
 * (RFC 6890) as ipaddr.js knows them; loopback when allowed. IPv4 inside IPv6 (`::ffff:…`) is judged as IPv4.
 */
export function isAllowedAddress(address: string, allowLoopback: boolean): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  const range = parsed.range();
  if (range === 'loopback') return allowLoopback;
  return range === 'unicast' && (parsed.kind() === 'ipv4' || parsed.match(GLOBAL_IPV6));
}

/** The host of a URL without the brackets of an IPv6 literal. */
export const withoutBrackets = (hostname: string): string => hostname.replace(/^\[|\]$/g, '');

export const isIpLiteral = (host: string): boolean => ipaddr.isValid(host);

/** `localhost` and names below it, which RFC 6761 §6.3 keeps for loopback. */
export const isLoopbackName = (host: string): boolean => /^(.+\.)?localhost\.?$/i.test(host);

/**
 * Names without a dot, and names below a domain that is private by definition: `.internal` (ICANN, 2024; cloud metadata
 * services), `.local` (RFC 6762), `home.arpa` (RFC 8375). Only for an early answer: the addresses decide.
 */
export const isPrivateName = (host: string): boolean =>
  !isIpLiteral(host) && /^[^.]+\.?$|\.(internal|local|home\.arpa)\.?$/i.test(host);
