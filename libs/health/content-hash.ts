import { createHash } from 'node:crypto';
import { STREAM_SHAPES, type RecordDraft, type ShapedStream } from './records';

/** Raise when the hash's input changes; stored rows with an older version are rewritten silently, without an event. */
export const HASH_VERSION = 1;

function canonical(value: unknown, decimals: Readonly<Record<string, number>>, key: string): unknown {
  if (typeof value === 'number') {
    const places = decimals[key];
    return places === undefined ? value : Number(value.toFixed(places));
  }
  if (Array.isArray(value)) return value.map((item) => canonical(item, decimals, key));
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value)
      .filter(([, v]) => v !== null && v !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([k, v]) => [k, canonical(v, decimals, k)]));
  }
  return value;
}

/**
 * SHA-256 (hex) over sorted-key JSON of the declared fields, numbers rounded to their declared decimals, nulls omitted
 * (design §7). Equal hashes mean that nothing a reader could see has changed.
 */
export function contentHash(stream: ShapedStream, draft: RecordDraft): string {
  const declared = canonical(
    {
      content: draft.content,
      provenance: draft.provenance,
      startsAt: draft.startsAt.toISOString(),
      endsAt: draft.endsAt?.toISOString(),
      offsetMinutes: draft.offsetMinutes,
      localDate: draft.localDate,
    },
    STREAM_SHAPES[stream].decimals,
    '',
  );
  return createHash('sha256').update(JSON.stringify(declared)).digest('hex');
}
