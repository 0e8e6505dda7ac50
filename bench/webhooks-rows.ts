import { sql } from 'drizzle-orm';
import { newId } from '../libs/core/ids';
import type { ProviderId } from '../libs/core/providers';
import { SCOPES } from '../libs/core/scopes';
import { shardOf } from '../libs/core/shard';
import type { Sealer } from '../libs/crypto/sealer';
import type { Database } from '../libs/db/database';
import { ENDPOINT_SHARDS } from '../libs/db/endpoints.repo';
import type { EventOwner } from '../libs/db/outbox';
import { integrations, providerAccounts } from '../libs/db/schema/integrations';
import { apps, grants, users } from '../libs/db/schema/principals';
import { endpoints } from '../libs/db/schema/webhooks';
import { sealForEndpoint } from '../libs/webhooks/endpoint-secret';
import { newWebhookSecret } from '../libs/webhooks/signing';

/** Every row `bench:webhooks` makes by hand; all else is the product's doing. */

/** Partners may receive its records (the connector's policy says `reExport`). */
const PROVIDER: ProviderId = 'google_health';
export const EVENT_TYPE = 'weight.created' as const;

/** One endpoint of an app of its own, and the users whose events go to it alone. */
export interface Target {
  endpointId: string;
  owners: EventOwner[];
}

/** `count` apps with one enabled endpoint each; `usersPerApp` users who granted everything, each with an integration. */
export async function makeTargets(
  db: Database,
  sealer: Sealer,
  input: { count: number; usersPerApp: number; urlOf: (endpoint: number) => string },
): Promise<Target[]> {
  const made = Array.from({ length: input.count }, (_, n) => ({
    appId: newId('app'),
    endpointId: newId('endpoint'),
    url: input.urlOf(n),
    members: Array.from({ length: input.usersPerApp }, () => ({
      userId: newId('user'),
      accountId: newId('account'),
      integrationId: newId('integration'),
    })),
  }));
  const members = made.flatMap((target) => target.members);
  await db.transaction(async (tx) => {
    await tx.insert(apps).values(made.map(({ appId }) => ({ id: appId, name: 'Bench' })));
    await tx.insert(users).values(members.map(({ userId }) => ({ id: userId, displayName: 'Bench' })));
    await tx.insert(providerAccounts).values(
      members.map(({ accountId }) => ({
        id: accountId,
        provider: PROVIDER,
        providerApp: 'bench',
        externalId: accountId,
      })),
    );
    await tx.insert(integrations).values(
      members.map(({ integrationId, userId, accountId }) => ({
        id: integrationId,
        userId,
        accountId,
        provider: PROVIDER,
        status: 'active' as const,
        shard: 0,
        nextSyncAt: null,
      })),
    );
    await tx
      .insert(grants)
      .values(
        made.flatMap(({ appId, members: own }) =>
          own.map(({ userId }) => ({ appId, userId, scopes: [...SCOPES] })),
        ),
      );
    await tx.insert(endpoints).values(
      made.map(({ appId, endpointId, url }) => ({
        id: endpointId,
        appId,
        url,
        secretSealed: sealForEndpoint(sealer, endpointId, newWebhookSecret()),
        eventTypes: [EVENT_TYPE],
        shard: shardOf(endpointId, ENDPOINT_SHARDS),
      })),
    );
  });
  return made.map(({ endpointId, members: own }) => ({
    endpointId,
    owners: own.map(({ userId, integrationId }) => ({
      userId,
      integrationId,
      provider: PROVIDER,
      reExport: true,
    })),
  }));
}

/** Are deliveries of these endpoints still to be made? */
export async function hasOpenDeliveries(db: Database, endpointIds: readonly string[]): Promise<boolean> {
  const ids = sql`select jsonb_array_elements_text(${JSON.stringify(endpointIds)}::jsonb)`;
  const [row] = await db.execute<{ open: boolean }>(sql`
    select exists (select 1 from deliveries where endpoint_id in (${ids}) and status = 'pending')
      or exists (select 1 from deliveries where endpoint_id in (${ids}) and status = 'retrying') as open`);
  return row!.open;
}

/** How many deliveries of these endpoints the ledger calls delivered. */
export async function countDelivered(db: Database, endpointIds: readonly string[]): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from deliveries
    where endpoint_id in (select jsonb_array_elements_text(${JSON.stringify(endpointIds)}::jsonb))
      and status = 'delivered'`);
  return row!.count;
}

/** Takes endpoints out of the run: disabled, and what is open for them is given up. */
export async function retireTargets(db: Database, targets: readonly Target[]): Promise<void> {
  const ids = JSON.stringify(targets.map((target) => target.endpointId));
  await db.execute(sql`
    update endpoints set status = 'disabled' where id in (select jsonb_array_elements_text(${ids}::jsonb))`);
  await db.execute(sql`
    update deliveries set status = 'cancelled', completed_at = clock_timestamp()
    where endpoint_id in (select jsonb_array_elements_text(${ids}::jsonb))
      and status in ('pending', 'retrying')`);
}

/** `count` pending deliveries of one endpoint, as a dead partner leaves them; statistics fresh, nothing left to write. */
export async function makeBacklog(db: Database, target: Target, count: number): Promise<void> {
  const owner = target.owners[0]!;
  const data = JSON.stringify({ at: 0, count: 1, records: [{ id: newId('record'), version: 1 }] });
  await db.execute(sql`
    with ids as (
      select n, 'evt_' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || substr(md5(${owner.userId} || n), 1, 19) as id
      from generate_series(1, ${count}::int) n
    ), made as (
      insert into events (day, id, type, user_id, integration_id, provider, stream, seq, record_count, data)
      select id_day(id), id, ${EVENT_TYPE}, ${owner.userId}, ${owner.integrationId}, ${PROVIDER}, 'weight', n, 1,
        ${data}::jsonb
      from ids returning day, id, seq, occurred_at
    )
    insert into deliveries (day, id, event_id, endpoint_id, user_id, seq, queued_at, counted)
    select day, delivery_id(id, ${target.endpointId}), id, ${target.endpointId}, ${owner.userId}, seq, occurred_at, true
    from made`);
  await db.execute(sql`
    insert into user_sequences (user_id, seq) values (${owner.userId}, ${count})
    on conflict (user_id) do update set seq = excluded.seq`);
  await settle(db);
}

/** What autovacuum and the next checkpoint would do in the middle of a measurement. */
export async function settle(db: Database): Promise<void> {
  await db.execute(sql`vacuum analyze events`);
  await db.execute(sql`vacuum analyze deliveries`);
  await db.execute(sql`checkpoint`);
}
