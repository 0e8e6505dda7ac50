import { z } from 'zod';
import { hash32 } from '../seed';
import type { Timed } from '../timed-stream';
import { invalidArgument } from './refusals';

const contentSchema = z.object({ t: z.number(), i: z.string(), q: z.number() });

/** An opaque token: the last point sent and the query it belongs to, so that changes in between shift nothing. */
export const writePageToken = (last: Timed, query: string): string =>
  Buffer.from(JSON.stringify({ t: last.timeMs, i: last.id, q: hash32(query) })).toString('base64url');

/** @throws ProviderRefusal 400 when the token is broken or was made for another query */
export function readPageToken(token: string, query: string): Timed {
  const content = contentSchema.safeParse(decode(token));
  if (!content.success || content.data.q !== hash32(query))
    throw invalidArgument('Request contains an invalid argument: page_token.');
  return { timeMs: content.data.t, id: content.data.i };
}

function decode(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
