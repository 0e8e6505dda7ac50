import { z } from 'zod';

const MAX_HEADERS = 20;
const MAX_VALUE_CHARS = 2_048;
const MAX_TOTAL_CHARS = 8 * 1_024;

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 §5.5 without obs-text: visible ASCII, with spaces and tabs between. */
const FIELD_VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** Lower-case names an endpoint may not set, with the reason; a name that ends in `*` stands for all that begin so. */
const DENIED: readonly (readonly [reason: string, names: readonly string[]])[] = [
  [
    'belongs to the connection (RFC 9110 §7.6.1)',
    [
      'connection',
      'keep-alive',
      'proxy-*',
      'te',
      'trailer',
      'transfer-encoding',
      'upgrade',
      'http2-settings',
    ],
  ],
  ['is set by us', ['host', 'content-*', 'expect', 'user-agent', 'webhook-*', 'x-diettracker-*']],
  ['tells of the way of a request and would not be true', ['forwarded', 'x-forwarded-*', 'x-real-ip', 'via']],
  ['is not sent by a client without cookies; use authorization', ['cookie', 'cookie2', 'set-cookie*']],
  ['opens cloud metadata services', ['metadata', 'metadata-flavor', 'x-aws-ec2-metadata-*']],
];

function deniedReason(name: string): string | null {
  const lower = name.toLowerCase();
  const covers = (pattern: string): boolean =>
    pattern.endsWith('*') ? lower.startsWith(pattern.slice(0, -1)) : lower === pattern;
  return DENIED.find(([, names]) => names.some(covers))?.[0] ?? null;
}

/** What is wrong with one header, as the end of a sentence that begins with its name; null when nothing is. */
function faultOf(name: string, value: string): string | null {
  if (!TOKEN.test(name))
    return "is not a header name: use letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 §5.6.2)";
  const denied = deniedReason(name);
  if (denied !== null) return denied;
  if (value.length > MAX_VALUE_CHARS) return `has a value of more than ${MAX_VALUE_CHARS} characters`;
  if (!FIELD_VALUE.test(value))
    return 'has a value that is empty, begins or ends with a space, or holds something else than visible ASCII';
  return null;
}

/**
 * Headers an endpoint wants in every request, e.g. `{"Authorization": "Bearer …"}`: at most 20, 8 KiB in all. Ours, those of
 * the connection and those that would mislead the receiver are refused by name. Values may be secrets: no message has one.
 */
export const endpointHeadersSchema = z.record(z.string(), z.string()).superRefine((headers, context) => {
  const refuse = (path: string[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const entries = Object.entries(headers);
  if (entries.length > MAX_HEADERS)
    return refuse([], `holds ${entries.length} headers; ${MAX_HEADERS} are allowed`);
  const total = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (total > MAX_TOTAL_CHARS)
    return refuse([], `names and values are ${total} characters; ${MAX_TOTAL_CHARS} are allowed`);
  const seen = new Set<string>();
  for (const [name, value] of entries) {
    const again = seen.has(name.toLowerCase());
    seen.add(name.toLowerCase());
    const fault = again ? 'stands twice: names do not differ by case' : faultOf(name, value);
    if (fault !== null) refuse([name], `The header ${JSON.stringify(name.slice(0, 100))} ${fault}.`);
  }
});
