import { z } from 'zod';
import { FAILURES, type FailureCode } from '../core/errors';
import { ID_PREFIXES, type IdKind } from '../core/ids';
import { STREAMS, type StreamName } from '../core/providers';
import { provenance, STREAM_SHAPES, type ShapedStream } from '../health/records';
import { API_VERSION } from './event-body';
import type { EventTypeInfo, OtherEventType } from './event-types';

/** What webhooks and the feed carry, one shape per event type. A change of a shape is a new `API_VERSION`. */

const idOf = (kind: IdKind) => z.string().regex(new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-f]{32}$`));
const instant = z.iso.datetime({ precision: 3 });
const stream = z.enum(STREAMS);
const failureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]);
const count = z.int().min(0);

const thinRecord = z.strictObject({ id: idOf('record'), version: z.int().min(1) });

/** The records of a full body: with content, or without where the product knows a newer version or none at all. */
const fullRecord = (content: z.ZodType) =>
  z.union([
    thinRecord,
    thinRecord.extend({
      superseded: z.literal(true).describe('a later event tells of a newer version, or the record is gone'),
    }),
    thinRecord.extend({ deleted: z.literal(true) }),
    thinRecord.extend({
      startsAt: instant,
      endsAt: instant.nullable(),
      offsetMinutes: z.int().nullable().describe('UTC offset that the provider stated'),
      localDate: z.iso.date().describe("the provider's own civil date"),
      content,
      provenance,
    }),
  ]);

const isShaped = (name: StreamName): name is ShapedStream => Object.hasOwn(STREAM_SHAPES, name);

/** Streams without a shape of their own yet say only that content is an object. */
const contentOf = (name: StreamName): z.ZodType =>
  isShaped(name) ? STREAM_SHAPES[name].content : z.record(z.string(), z.unknown());

const recordData = (name: StreamName) =>
  z.strictObject({
    count: z.int().min(1),
    from: instant.describe('the earliest start of the records'),
    to: instant.describe('the latest start of the records'),
    records: z
      .array(fullRecord(contentOf(name)))
      .min(1)
      .optional()
      .describe(
        'absent for streams with very many samples, and when the body would be too long (see `link`)',
      ),
  });

const streamLists = { streams: z.array(stream), missingStreams: z.array(stream) };
const nothing = z.strictObject({});

const OTHER_DATA: Readonly<Record<OtherEventType, z.ZodType>> = {
  'integration.connected': z.strictObject(streamLists),
  'integration.degraded': z.strictObject({ reason: failureCode.nullable() }),
  'integration.recovered': nothing,
  'integration.needs_reauth': z.strictObject({
    reason: failureCode.nullable(),
    streams: streamLists.streams
      .optional()
      .describe('only right after a user connected without what is needed'),
    missingStreams: streamLists.missingStreams.optional(),
  }),
  'integration.paused': nothing,
  'integration.resumed': nothing,
  'integration.disconnected': nothing,
  'sync.completed': z.strictObject({
    runId: idOf('run'),
    outcome: z.enum(['ok', 'unchanged', 'partial', 'failed', 'deferred', 'cancelled']),
    changed: count.describe('records created or updated'),
    streams: z.array(
      z.strictObject({
        stream,
        pages: count,
        inserted: count,
        updated: count,
        unchanged: count,
        errorCode: failureCode.nullable(),
      }),
    ),
  }),
  'endpoint.ping': z.strictObject({ endpointId: idOf('endpoint') }),
  'endpoint.disabled': z.strictObject({
    endpointId: idOf('endpoint'),
    url: z.string(),
    reason: failureCode.nullable(),
  }),
};

/** `endpoint.*` events are about the app: they have no user, integration or place in a user's order. */
const ownersOf = (type: string) =>
  type.startsWith('endpoint.')
    ? { userId: z.null(), integrationId: z.null(), seq: z.null() }
    : {
        userId: idOf('user'),
        integrationId: idOf('integration'),
        seq: z.int().min(1).describe("the event's place in the order of this user's events"),
      };

/** The body of an event of this type, thin or full. */
const eventSchemaOf = ({ type, stream: of, description }: EventTypeInfo): z.ZodType =>
  z
    .strictObject({
      id: idOf('event').describe('also the `webhook-id` header: the same in every attempt and replay'),
      type: z.literal(type),
      apiVersion: z.literal(API_VERSION),
      occurredAt: instant,
      ...ownersOf(type),
      link: z.url().optional().describe('where the whole event is, when this body was cut to 256 KiB'),
      data: of === null ? OTHER_DATA[type as OtherEventType] : recordData(of),
    })
    .describe(description);

/** The same as JSON Schema 2020-12; `$id` carries the API version. */
export function eventJsonSchemaOf(info: EventTypeInfo): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(eventSchemaOf(info), { target: 'draft-2020-12' });
  return { $schema, $id: `urn:diettracker:event:${info.type}:${API_VERSION}`, title: info.type, ...schema };
}
