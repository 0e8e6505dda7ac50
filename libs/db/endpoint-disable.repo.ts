import { sql } from 'drizzle-orm';
import type { FailureCode } from '../core/errors';
import { newId } from '../core/ids';
import { arrayLiteral } from './array-literal';
import type { Database, Executor } from './database';
import { appendAppEvent } from './outbox';
import { wakeDispatchers } from './wake-dispatchers';

/** Says `endpoint.disabled` to the app's other endpoints, in the transaction that disables it. */
export async function announceDisabled(tx: Executor, endpointId: string): Promise<void> {
  const [endpoint] = await tx.execute<{ app_id: string; url: string; status_reason: FailureCode | null }>(sql`
    select app_id, url, status_reason from endpoints where id = ${endpointId}`);
  if (!endpoint) return;
  await appendAppEvent(
    tx,
    {
      id: newId('event'),
      appId: endpoint.app_id,
      type: 'endpoint.disabled',
      data: { endpointId, url: endpoint.url, reason: endpoint.status_reason },
    },
    null,
  );
}

/** Disables endpoints whose every attempt of the last `afterMs` failed; answers their ids. */
export async function disableFailingEndpoints(db: Database, afterMs: number): Promise<string[]> {
  const disabled = await db.transaction(async (tx) => {
    const rows = await tx.execute<{ id: string }>(sql`
      update endpoints set status = 'disabled', status_reason = 'endpoint_failing', disabled_at = clock_timestamp(),
        updated_at = clock_timestamp(),
        held_from = case when health = 'healthy' then clock_timestamp() else held_from end,
        held_until = case when health = 'healthy' then null else held_until end
      where status = 'enabled' and failing_since < clock_timestamp() - ${afterMs}::float8 * interval '1 millisecond'
      returning id`);
    for (const { id } of rows) await announceDisabled(tx, id);
    return rows.map((row) => row.id);
  });
  if (disabled.length > 0) await wakeDispatchers(db);
  return disabled;
}

/** Cancels what a page that was being committed while its endpoint was deleted has left open. */
export async function cancelDeliveriesOfDeleted(db: Executor, days: readonly string[]): Promise<void> {
  await db.execute(sql`
    update deliveries d set status = 'cancelled', completed_at = clock_timestamp(), next_at = null
    from endpoints e
    where e.deleted_at is not null and d.endpoint_id = e.id and d.day = any(${arrayLiteral(days)}::date[])
      and d.status in ('pending', 'retrying', 'paused')`);
}
