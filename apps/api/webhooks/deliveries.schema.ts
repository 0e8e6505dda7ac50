import { z } from 'zod';
import type { DeliveryWithAttempts } from '../../../libs/db/deliveries-read.repo';
import { findEventType } from '../../../libs/webhooks/event-types';
import { instant, iso, isoOrNull, pageOf, pageQuery } from '../http/wire';

const status = z.enum(['pending', 'retrying', 'paused', 'delivered', 'failed', 'cancelled']);

export const listDeliveriesQuery = z.strictObject({
  status: status.optional(),
  eventType: z
    .string()
    .max(100)
    .refine((text) => findEventType(text) !== null, {
      message: 'must be an exact event type; GET /v1/webhooks/event-types lists them',
    })
    .optional(),
  ...pageQuery,
});

export const delivery = z
  .strictObject({
    id: z.string(),
    endpointId: z.string(),
    eventId: z.string().describe('the `webhook-id` header'),
    eventType: z.string(),
    userId: z.string().nullable().describe('null for events about an app'),
    seq: z.int().nullable(),
    status,
    nextAttemptAt: instant.nullable(),
    createdAt: instant,
    deliveredAt: instant.nullable().describe('the first 2xx answer'),
    completedAt: instant.nullable(),
    attempts: z
      .array(
        z.strictObject({
          number: z.int(),
          startedAt: instant,
          durationMs: z.int(),
          statusCode: z.int().nullable().describe('null when no HTTP answer came'),
          error: z.string().nullable().describe('null on 2xx'),
          responseExcerpt: z.string().nullable().describe('the first 1,024 characters of the answer'),
        }),
      )
      .describe('oldest first'),
  })
  .meta({ id: 'Delivery' });

export const deliveryPage = pageOf(delivery, 'DeliveryPage');

export const deliveryToWire = (row: DeliveryWithAttempts): z.infer<typeof delivery> => ({
  id: row.id,
  endpointId: row.endpointId,
  eventId: row.eventId,
  eventType: row.eventType,
  userId: row.userId,
  seq: row.seq,
  status: row.status,
  nextAttemptAt: isoOrNull(row.nextAt),
  createdAt: iso(row.createdAt),
  deliveredAt: isoOrNull(row.deliveredAt),
  completedAt: isoOrNull(row.completedAt),
  attempts: row.attempts.map(({ day: _day, deliveryId: _deliveryId, startedAt, ...attempt }) => ({
    ...attempt,
    startedAt: iso(startedAt),
  })),
});
