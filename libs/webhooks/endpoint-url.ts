import { AppError } from '../core/errors';
import {
  isAllowedAddress,
  isIpLiteral,
  isLoopbackName,
  isPrivateName,
  withoutBrackets,
} from './address-guard';

const MAX_LENGTH = 2048;

export interface EndpointUrlRules {
  /** Development only (`WEBHOOK_ALLOW_LOOPBACK`): loopback addresses are allowed, with plain http too. */
  allowLoopback: boolean;
}

/**
 * Checks a partner's webhook URL when an endpoint is created or changed and returns it in normal form (store `.href`).
 * Names are not resolved here: the address is checked again on every connection (egress.ts), because DNS may change. Any
 * port is allowed.
 *
 * @throws AppError `invalid_request` whose message says what to do
 */
export function checkEndpointUrl(text: string, { allowLoopback }: EndpointUrlRules): URL {
  const url = parse(text);
  const host = withoutBrackets(url.hostname);
  const loopback = isLoopback(host);
  if (loopback && !allowLoopback)
    throw refuse(
      'points to the loopback address, where only our own server would hear it; use a public host (in development set WEBHOOK_ALLOW_LOOPBACK=true)',
    );
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    throw refuse('must start with https://');
  if (isIpLiteral(host) && !isAllowedAddress(host, allowLoopback))
    throw refuse('points to a private or reserved IP address; use a public host');
  if (!loopback && isPrivateName(host))
    throw refuse('has a host name that only a private network knows; use a public one');
  return url;
}

function parse(text: string): URL {
  if (text.length > MAX_LENGTH)
    throw refuse(`is longer than ${MAX_LENGTH} characters; use a shorter path or query`);
  if (!URL.canParse(text)) throw refuse('is not an absolute URL; write it as https://host/path');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '')
    throw refuse('must not carry a user name or password; verify our signature instead');
  if (url.href.includes('#')) throw refuse('must not carry a fragment (#…); a server never sees it');
  return url;
}

const isLoopback = (host: string): boolean =>
  isLoopbackName(host) || (isAllowedAddress(host, true) && !isAllowedAddress(host, false));

const refuse = (why: string): AppError =>
  new AppError('invalid_request', `The endpoint URL ${why}.`, { details: { field: 'url' } });
