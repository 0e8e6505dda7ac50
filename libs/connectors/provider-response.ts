import type { ProviderResponse } from './contract';

/** The text as JSON, undefined when it is not JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Header names are made lower case; a repeated header becomes one comma-separated line (RFC 9110 §5.3). */
export function providerResponse(
  status: number,
  headers: Iterable<readonly [string, string | readonly string[] | undefined]>,
  body: string,
): ProviderResponse {
  const flat: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (value !== undefined) flat[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
  }
  return { status, headers: flat, body, json: parsedJson(body) };
}
