import { z } from 'zod';
import { cursorTime, type Replay } from '../../../libs/db/replays.repo';
import { isEventTypePattern } from '../../../libs/webhooks/event-types';
import { instant, iso, isoOrNull, pageOf, pageQuery } from '../http/wire';

const time = z.iso.datetime({
  offset: true,
  error: 'must be an RFC 3339 instant, e.g. 2026-11-20T00:00:00Z',
});
const scope = z.enum(['failed', 'all']);

export const createReplayBody = z
  .strictObject({
    from: time.describe('the first instant of the range, by the events’ `occurredAt`'),
    to: time.optional().describe('the end of the range, exclusive; default: now'),
    scope: scope
      .default('failed')
      .describe(
        'failed: events that were never delivered (failed, cancelled, or without a delivery so far); all: delivered ones as well',
      ),
    eventTypes: z
      .array(
        z.string().max(100).refine(isEventTypePattern, {
          message: 'must be an event type, `<stream>.*`, `integration.*` or `*`',
        }),
      )
      .min(1)
      .max(100)
      .default(['*'])
      .describe('of those the endpoint asks for'),
  })
  .meta({ id: 'CreateReplay' });

export const listReplaysQuery = z.strictObject(pageQuery);

export const replay = z
  .strictObject({
    id: z.string(),
    endpointId: z.string(),
    from: instant,
    to: instant,
    scope,
    eventTypes: z.array(z.string()),
    status: z
      .enum(['running', 'completed', 'cancelled', 'failed'])
      .describe('completed: everything is queued; failed: the endpoint was deleted or disabled meanwhile'),
    scanned: z.int().describe('events of the range looked at so far, of all users'),
    queued: z.int().describe('deliveries that were queued'),
    cursorAt: instant.nullable().describe('how far it is; null before the first batch'),
    startedAt: instant,
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'Replay' });

export const replayPage = pageOf(replay, 'ReplayPage');

export const replayToWire = (row: Replay): z.infer<typeof replay> => ({
  id: row.id,
  endpointId: row.endpointId,
  from: iso(row.fromAt),
  to: iso(row.toAt),
  scope: row.scope,
  eventTypes: row.eventTypes,
  status: row.status,
  scanned: row.scanned,
  queued: row.queued,
  cursorAt: row.cursor === null ? null : iso(cursorTime(row.cursor)),
  startedAt: iso(row.createdAt),
  finishedAt: isoOrNull(row.finishedAt),
});
