import { sql } from 'drizzle-orm';
import type { Database, Executor } from '../../libs/db/database';

/** Every statement of the chaos suite about events, deliveries and attempts. */

export async function existingEvents(db: Executor, eventIds: readonly string[]): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    select id from events where id in (select jsonb_array_elements_text(${JSON.stringify(eventIds)}::jsonb))`);
  return rows.map((row) => row.id);
}

export interface EventRow extends Record<string, unknown> {
  id: string;
  userId: string;
  seq: number;
}

/** Events of users; those about endpoints are the product's own. */
export const readEvents = async (db: Database): Promise<EventRow[]> => [
  ...(await db.execute<EventRow>(
    sql`select id, user_id as "userId", seq::int as seq from events where user_id is not null`,
  )),
];

export interface DeliveryLedgerRow extends Record<string, unknown> {
  id: string;
  eventId: string;
  endpointId: string;
  status: string;
  attempts: number;
}

export const readDeliveries = async (db: Database): Promise<DeliveryLedgerRow[]> => [
  ...(await db.execute<DeliveryLedgerRow>(sql`
    select id, event_id as "eventId", endpoint_id as "endpointId", status, attempts from deliveries`)),
];

export interface AttemptLedgerRow extends Record<string, unknown> {
  deliveryId: string;
  number: number;
  /** Null when no answer came. */
  statusCode: number | null;
  error: string | null;
}

export const readAttempts = async (db: Database): Promise<AttemptLedgerRow[]> => [
  ...(await db.execute<AttemptLedgerRow>(sql`
    select delivery_id as "deliveryId", number, status_code as "statusCode", error from attempts`)),
];

/** How many deliveries are in which state, those of `exceptEndpoints` left out. */
export async function countByStatus(
  db: Database,
  exceptEndpoints: readonly string[],
): Promise<Record<string, number>> {
  const rows = await db.execute<{ status: string; count: number }>(sql`
    select status, count(*)::int as count from deliveries
    where endpoint_id not in (select jsonb_array_elements_text(${JSON.stringify(exceptEndpoints)}::jsonb))
    group by status`);
  return Object.fromEntries(rows.map((row) => [row.status, row.count]));
}

/** The deliveries that are still open, for an error message. */
export const readOpen = async (db: Database, exceptEndpoints: readonly string[]) => [
  ...(await db.execute(sql`
    select *, to_jsonb(deliveries)->>'next_at' as due, clock_timestamp() as now from deliveries
    where status not in ('delivered', 'failed', 'cancelled')
      and endpoint_id not in (select jsonb_array_elements_text(${JSON.stringify(exceptEndpoints)}::jsonb))
    limit 5`)),
];
