import { sql } from 'drizzle-orm';
import type { ProviderId } from '../core/providers';
import type { Database } from './database';

export interface DueIntegration {
  integrationId: string;
  userId: string;
  provider: ProviderId;
}

/** integrations.shard is a hash modulo this; a dispatcher takes every shard with `shard % dispatchers = its number`. */
export const INTEGRATION_SHARDS = 64;

/**
 * Claims due integrations. A claim only moves `next_sync_at` to now + 5 min; the run's plan and finish write the real
 * next time, so a crash between claim and start costs minutes (design §6.1).
 */
export async function claimDue(
  db: Database,
  dispatcher: { shard: number; shards: number },
  limit: number,
): Promise<DueIntegration[]> {
  const shards = Array.from({ length: INTEGRATION_SHARDS }, (_, s) => s).filter(
    (s) => s % dispatcher.shards === dispatcher.shard,
  );
  const rows = await db.execute<{ id: string; user_id: string; provider: ProviderId }>(sql`
    update integrations set next_sync_at = clock_timestamp() + interval '5 minutes'
    where id in (
      select id from integrations
      where shard in ${shards} and status in ('active', 'degraded') and next_sync_at <= clock_timestamp()
      order by next_sync_at limit ${limit} for update skip locked)
    returning id, user_id, provider`);
  return rows.map((r) => ({ integrationId: r.id, userId: r.user_id, provider: r.provider }));
}
