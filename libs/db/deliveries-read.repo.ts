import { and, asc, desc, eq, inArray, isNull, lt, lte, sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import type { Executor } from './database';
import { attempts, deliveries, endpoints, events, type DeliveryStatus } from './schema/webhooks';

type Attempt = typeof attempts.$inferSelect;

/** A delivery for people to read. */
export interface DeliveryWithAttempts {
  id: string;
  endpointId: string;
  eventId: string;
  eventType: string;
  userId: string | null;
  seq: number | null;
  status: DeliveryStatus;
  nextAt: Date | null;
  createdAt: Date;
  deliveredAt: Date | null;
  completedAt: Date | null;
  /** Oldest first. */
  attempts: Attempt[];
}

export interface DeliveryFilter {
  status: DeliveryStatus | null;
  eventType: string | null;
}

const COLUMNS = {
  id: deliveries.id,
  endpointId: deliveries.endpointId,
  eventId: deliveries.eventId,
  eventType: events.type,
  userId: deliveries.userId,
  seq: deliveries.seq,
  status: deliveries.status,
  nextAt: deliveries.nextAt,
  createdAt: deliveries.createdAt,
  deliveredAt: deliveries.deliveredAt,
  completedAt: deliveries.completedAt,
};

const itsEvent = and(eq(events.day, deliveries.day), eq(events.id, deliveries.eventId));

/**
 * Deliveries of an endpoint, the newest event first; `limit + 1` rows tell that there are more. The order is that of the
 * index (day, endpoint, event), so a page costs the same wherever it begins; a rare status is looked for row by row.
 */
export async function listDeliveries(
  db: Executor,
  endpointId: string,
  filter: DeliveryFilter,
  page: { limit: number; beforeEventId: string | null },
): Promise<DeliveryWithAttempts[]> {
  const { beforeEventId } = page;
  const rows = await db
    .select(COLUMNS)
    .from(deliveries)
    .innerJoin(events, itsEvent)
    .where(
      and(
        eq(deliveries.endpointId, endpointId),
        filter.status === null ? undefined : eq(deliveries.status, filter.status),
        filter.eventType === null ? undefined : eq(events.type, filter.eventType),
        beforeEventId === null
          ? undefined
          : and(lte(deliveries.day, idDay(beforeEventId)), lt(deliveries.eventId, beforeEventId)),
      ),
    )
    .orderBy(desc(deliveries.day), desc(deliveries.eventId))
    .limit(page.limit + 1);
  return withAttempts(db, rows);
}

/** A delivery to one of the app's endpoints; null when there is none. */
export async function findDelivery(
  db: Executor,
  appId: string,
  id: string,
): Promise<DeliveryWithAttempts | null> {
  const rows = await db
    .select(COLUMNS)
    .from(deliveries)
    .innerJoin(events, itsEvent)
    .innerJoin(
      endpoints,
      and(eq(endpoints.id, deliveries.endpointId), eq(endpoints.appId, appId), isNull(endpoints.deletedAt)),
    )
    .where(and(eq(deliveries.day, idDay(id)), eq(deliveries.id, id)));
  const [found] = await withAttempts(db, rows);
  return found ?? null;
}

async function withAttempts(
  db: Executor,
  rows: readonly Omit<DeliveryWithAttempts, 'attempts'>[],
): Promise<DeliveryWithAttempts[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const tries = await db
    .select()
    .from(attempts)
    .where(and(inArray(attempts.day, [...new Set(ids.map(idDay))]), inArray(attempts.deliveryId, ids)))
    .orderBy(asc(attempts.deliveryId), asc(attempts.number));
  const byDelivery = Map.groupBy(tries, (t) => t.deliveryId);
  return rows.map((row) => ({ ...row, attempts: byDelivery.get(row.id) ?? [] }));
}

/** The id of the delivery of an event to an endpoint, whether it was made or not. */
export async function deliveryIdOf(db: Executor, eventId: string, endpointId: string): Promise<string> {
  const [row] = await db.execute<{ id: string }>(sql`select delivery_id(${eventId}, ${endpointId}) as id`);
  return row!.id;
}
