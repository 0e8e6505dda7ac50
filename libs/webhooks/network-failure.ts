const WORDS: Readonly<Record<string, string>> = {
  ADDRESS_BLOCKED: 'address_blocked',
  HTTPS_REQUIRED: 'https_required',
  PROXY_REFUSED: 'proxy_refused',
  PROXY_FAILED: 'proxy_failed',
  ENOTFOUND: 'dns_failed',
  EAI_AGAIN: 'dns_failed',
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  UND_ERR_SOCKET: 'connection_lost',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  ETIMEDOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'headers_too_large',
};

/**
 * A public word for why no HTTP answer came: `timeout`, `dns_failed`, `connection_refused`, `connection_lost`,
 * `tls_failed`, `address_blocked`, `https_required`, `proxy_refused`, `proxy_failed`, `headers_too_large`, `bad_response`
 * or `network_error`. Reads name and code without `instanceof`: undici and Node throw many classes.
 */
export function wordOfNetworkError(error: unknown): string {
  const { name, code } = Object(error) as { name?: unknown; code?: unknown };
  if (name === 'HTTPParserError') return 'bad_response';
  if (typeof code !== 'string') return 'network_error';
  if (/^ERR_TLS|^ERR_SSL|CERT|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code)) return 'tls_failed';
  return WORDS[code] ?? 'network_error';
}
