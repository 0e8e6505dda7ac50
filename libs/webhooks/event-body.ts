import type { EventRecord, OutgoingEvent, RecordNow } from './outgoing-event';

/** The version of the body's shape; a new one is announced before it is sent. */
export const API_VERSION = '2026-11-01';

/** A longer body is sent thin, with a link to the event. */
const MAX_BODY_BYTES = 256 * 1024;

/**
 * `eventBody` within 256 KiB. A full body that is longer becomes a thin one with `link`, where the event and its records
 * can be read; a thin one that is still too long loses its list as well (`data.count`, `from` and `to` stay).
 */
export function boundedEventBody(
  event: OutgoingEvent,
  recordsNow: ReadonlyMap<string, RecordNow> | null,
  publicUrl: string,
): string {
  const body = eventBody(event, recordsNow);
  if (Buffer.byteLength(body) <= MAX_BODY_BYTES) return body;
  const link = `${publicUrl}/v1/events/${event.id}`;
  const thin = eventBody(event, null, link);
  if (Buffer.byteLength(thin) <= MAX_BODY_BYTES) return thin;
  const { records: _records, ...data } = event.data;
  return eventBody({ ...event, data }, null, link);
}

/**
 * The body of a webhook, as the exact text that is signed and sent. Thin: ids and versions, and the same bytes in every
 * attempt. Full: each listed record also carries what the product knows now, so a retry may differ from the first
 * try; a record that has moved on since, or is gone, stands there as `{id, version, superseded: true}` without content,
 * because a later event tells of the newer version and content never travels under a version it does not belong to.
 *
 * @param recordsNow present rows of the listed records by id; null for thin bodies
 * @param link where the whole event can be read, when this body is not all of it
 */
export function eventBody(
  event: OutgoingEvent,
  recordsNow: ReadonlyMap<string, RecordNow> | null,
  link?: string,
): string {
  const { records, ...rest } = event.data;
  return JSON.stringify({
    id: event.id,
    type: event.type,
    apiVersion: API_VERSION,
    occurredAt: event.occurredAt,
    userId: event.userId,
    integrationId: event.integrationId,
    seq: event.seq,
    ...(link === undefined ? {} : { link }),
    data: {
      ...sortedByName(rest),
      ...(records === undefined ? {} : { records: records.map((record) => recordEntry(record, recordsNow)) }),
    },
  });
}

function recordEntry(
  listed: EventRecord,
  recordsNow: ReadonlyMap<string, RecordNow> | null,
): Readonly<Record<string, unknown>> {
  const thin = { id: listed.id, version: listed.version };
  if (recordsNow === null) return thin;
  const now = recordsNow.get(listed.id);
  if (now === undefined || now.version !== listed.version) return { ...thin, superseded: true };
  return now.deleted ? { ...thin, deleted: true } : { ...thin, ...now.fields };
}

/** JSON objects of the database come in an order of its own; the wire gets one that does not depend on it. */
const sortedByName = (object: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
