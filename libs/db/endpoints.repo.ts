import { and, asc, desc, eq, inArray, lt } from 'drizzle-orm';
import { AppError } from '../core/errors';
import type { Database, Executor } from './database';
import { attempts, deliveries, endpoints, events } from './schema/webhooks';
import { isUniqueViolation } from './sql-state';

export type Endpoint = typeof endpoints.$inferSelect;
type Attempt = typeof attempts.$inferSelect;

/** endpoints.shard is a hash modulo this; a dispatcher takes every shard with `shard % dispatchers = its number`. */
export const ENDPOINT_SHARDS = 64;

/** @throws AppError `conflict` when the app has an endpoint of this URL already */
export async function createEndpoint(db: Executor, input: typeof endpoints.$inferInsert): Promise<Endpoint> {
  try {
    const [row] = await db.insert(endpoints).values(input).returning();
    return row!;
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    throw new AppError('conflict', 'This app has an endpoint with this URL already.', { cause: error });
  }
}

/** Newest first; `limit + 1` rows tell that there are more. */
export async function listEndpoints(
  db: Executor,
  appId: string,
  page: { limit: number; beforeId: string | null },
): Promise<Endpoint[]> {
  return db
    .select()
    .from(endpoints)
    .where(
      and(eq(endpoints.appId, appId), page.beforeId === null ? undefined : lt(endpoints.id, page.beforeId)),
    )
    .orderBy(desc(endpoints.id))
    .limit(page.limit + 1);
}

export async function findEndpoint(db: Executor, appId: string, id: string): Promise<Endpoint | null> {
  const [row] = await db
    .select()
    .from(endpoints)
    .where(and(eq(endpoints.appId, appId), eq(endpoints.id, id)));
  return row ?? null;
}

/**
 * Removes an endpoint with its deliveries and attempts. The row lock comes first: it holds back a page that is about
 * to add a delivery, which then finds the endpoint gone and is tried again. False: the app has no such endpoint.
 */
export async function deleteEndpoint(db: Database, appId: string, id: string): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .select({ id: endpoints.id })
      .from(endpoints)
      .where(and(eq(endpoints.appId, appId), eq(endpoints.id, id)))
      .for('update');
    if (!row) return false;
    const ownDeliveries = tx
      .select({ id: deliveries.id })
      .from(deliveries)
      .where(eq(deliveries.endpointId, id));
    await tx.delete(attempts).where(inArray(attempts.deliveryId, ownDeliveries));
    await tx.delete(deliveries).where(eq(deliveries.endpointId, id));
    await tx.delete(endpoints).where(eq(endpoints.id, id));
    return true;
  });
}

export interface DeliveryWithAttempts {
  id: string;
  eventId: string;
  eventType: string;
  userId: string | null;
  seq: number | null;
  status: typeof deliveries.$inferSelect.status;
  nextAt: Date | null;
  createdAt: Date;
  completedAt: Date | null;
  attempts: Attempt[];
}

/** Deliveries of an endpoint with their attempts, newest first; `limit + 1` rows tell that there are more. */
export async function listDeliveries(
  db: Executor,
  endpointId: string,
  page: { limit: number; beforeId: string | null },
): Promise<DeliveryWithAttempts[]> {
  const rows = await db
    .select({
      id: deliveries.id,
      eventId: deliveries.eventId,
      eventType: events.type,
      userId: deliveries.userId,
      seq: deliveries.seq,
      status: deliveries.status,
      nextAt: deliveries.nextAt,
      createdAt: deliveries.createdAt,
      completedAt: deliveries.completedAt,
    })
    .from(deliveries)
    .innerJoin(events, and(eq(events.day, deliveries.day), eq(events.id, deliveries.eventId)))
    .where(
      and(
        eq(deliveries.endpointId, endpointId),
        page.beforeId === null ? undefined : lt(deliveries.id, page.beforeId),
      ),
    )
    .orderBy(desc(deliveries.id))
    .limit(page.limit + 1);
  const tries = await db
    .select()
    .from(attempts)
    .where(
      inArray(
        attempts.deliveryId,
        rows.map((r) => r.id),
      ),
    )
    .orderBy(asc(attempts.deliveryId), asc(attempts.number));
  const byDelivery = Map.groupBy(tries, (t) => t.deliveryId);
  return rows.map((row) => ({ ...row, attempts: byDelivery.get(row.id) ?? [] }));
}
