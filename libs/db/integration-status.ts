import { sql } from 'drizzle-orm';
import type { FailureCode } from '../core/errors';
import { newId } from '../core/ids';
import type { ProviderId } from '../core/providers';
import type { Database } from './database';
import { appendEvents } from './outbox';
import { publishing } from './wake-dispatchers';

interface MovedIntegration extends Record<string, unknown> {
  id: string;
  user_id: string;
  provider: ProviderId;
}

/**
 * Moves every working integration of an account to `needs_reauth` and says so, once: integrations that are already
 * there are left alone. Believed only for the token version that failed (design §6.3).
 */
export async function markNeedsReauth(
  db: Database,
  account: { accountId: string; tokenVersion: number },
  reason: FailureCode,
  reExportOf: (provider: ProviderId) => boolean,
): Promise<void> {
  await publishing(db, async (tx) => {
    const moved = await tx.execute<MovedIntegration>(sql`
      update integrations i set status = 'needs_reauth', status_reason = ${reason}, next_sync_at = null,
        updated_at = clock_timestamp()
      from provider_accounts a
      where a.id = ${account.accountId} and a.token_version = ${account.tokenVersion} and i.account_id = a.id
        and i.status in ('active', 'degraded')
      returning i.id, i.user_id, i.provider`);
    for (const row of moved) {
      await appendEvents(
        tx,
        {
          userId: row.user_id,
          integrationId: row.id,
          provider: row.provider,
          reExport: reExportOf(row.provider),
        },
        [
          {
            id: newId('event'),
            type: 'integration.needs_reauth',
            stream: null,
            recordCount: 0,
            data: { reason },
          },
        ],
      );
    }
  });
}

/**
 * Closes an integration: nothing is written by a running sync after this commits, because `generation` moves on
 * (design §6.2). Closing again changes nothing.
 */
export async function closeIntegration(
  db: Database,
  integrationId: string,
  reExportOf: (provider: ProviderId) => boolean,
): Promise<void> {
  await publishing(db, async (tx) => {
    const [row] = await tx.execute<MovedIntegration>(sql`
      update integrations set status = 'disconnected', status_reason = null, generation = generation + 1,
        next_sync_at = null, updated_at = clock_timestamp()
      where id = ${integrationId} and status <> 'disconnected'
      returning id, user_id, provider`);
    if (!row) return;
    await appendEvents(
      tx,
      {
        userId: row.user_id,
        integrationId: row.id,
        provider: row.provider,
        reExport: reExportOf(row.provider),
      },
      [{ id: newId('event'), type: 'integration.disconnected', stream: null, recordCount: 0, data: {} }],
    );
  });
}
