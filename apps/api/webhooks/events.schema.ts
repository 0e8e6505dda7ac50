import { z } from 'zod';
import { isEventTypePattern } from '../../../libs/webhooks/event-types';
import { idOf, instant } from '../http/wire';

const types = z
  .string()
  .max(2_000)
  .transform((text) => text.split(','))
  .pipe(
    z
      .array(
        z.string().refine(isEventTypePattern, {
          message:
            'must be event types, `<stream>.*`, `integration.*` or `*`, separated by commas; GET /v1/webhooks/event-types lists them',
        }),
      )
      .max(100),
  )
  .optional()
  .meta({
    type: 'string',
    description: 'event types or `<stream>.*`, separated by commas; all when left out',
  });

export const feedQuery = z.strictObject({
  after: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe('`next` of the page before; left out: begins with the oldest event we keep'),
  limit: z.coerce.number().int().min(1).max(500).default(100),
  types,
  userId: idOf('user').optional().describe('only events of this user'),
});

export const eventQuery = z.strictObject({
  payload: z.enum(['thin', 'full']).default('thin').describe('full: the records as they are now as well'),
});

export const event = z
  .strictObject({
    id: z.string().describe('the `webhook-id`'),
    type: z.string(),
    apiVersion: z.string(),
    occurredAt: instant,
    userId: z.string().nullable(),
    integrationId: z.string().nullable(),
    seq: z.int().nullable().describe("the event's place in the order of this user's events"),
    link: z.string().optional().describe('where the whole event is, when it was cut to 256 KiB'),
    data: z.record(z.string(), z.unknown()).describe('by type: see the schemas of the event types'),
  })
  .meta({ id: 'Event', description: 'The body of a webhook.' });

export const feedPage = z
  .strictObject({
    data: z.array(event),
    next: z.string().describe('the position to go on from: pass it as `after`, also when the page is empty'),
    hasMore: z.boolean().describe('true: ask again at once'),
  })
  .meta({ id: 'EventFeed' });

export const eventTypeList = z
  .strictObject({
    data: z.array(
      z.strictObject({
        type: z.string(),
        description: z.string(),
        stream: z.string().nullable(),
        version: z.string().describe('the `apiVersion` of its bodies'),
        schemaUrl: z.string(),
      }),
    ),
  })
  .meta({ id: 'EventTypes' });

export const jsonSchema = z.record(z.string(), z.unknown()).meta({ id: 'JsonSchema' });
