import { newId } from '../../libs/core/ids';
import type { ProviderId } from '../../libs/core/providers';
import { SCOPES, type Scope } from '../../libs/core/scopes';
import type { Database } from '../../libs/db/database';
import { integrations, providerAccounts } from '../../libs/db/schema/integrations';
import { apps, grants, users } from '../../libs/db/schema/principals';
import { endpoints } from '../../libs/db/schema/webhooks';
import type { RecordDraft } from '../../libs/health/records';

/** Rows a test starts from; each returns the id it made. */
export async function anyUser(db: Database): Promise<string> {
  const id = newId('user');
  await db.insert(users).values({ id, displayName: 'Test User' });
  return id;
}

export async function anyApp(db: Database): Promise<string> {
  const id = newId('app');
  await db.insert(apps).values({ id, name: 'Test App' });
  return id;
}

export async function grant(
  db: Database,
  appId: string,
  userId: string,
  scopes: readonly Scope[] = SCOPES,
): Promise<void> {
  await db.insert(grants).values({ appId, userId, scopes: [...scopes] });
}

export async function anyEndpoint(
  db: Database,
  appId: string,
  values: Partial<typeof endpoints.$inferInsert> = {},
): Promise<string> {
  const id = newId('endpoint');
  await db.insert(endpoints).values({
    id,
    appId,
    url: `https://partner.example/${id}`,
    secretSealed: 'x',
    eventTypes: ['*'],
    shard: 0,
    ...values,
  });
  return id;
}

export async function anyIntegration(
  db: Database,
  userId: string,
  provider: ProviderId,
  values: Partial<typeof integrations.$inferInsert> & {
    account?: Partial<typeof providerAccounts.$inferInsert>;
  } = {},
): Promise<{ integrationId: string; accountId: string }> {
  const { account, ...integration } = values;
  const accountId = newId('account');
  await db
    .insert(providerAccounts)
    .values({ id: accountId, provider, providerApp: 'test', externalId: accountId, ...account });
  const integrationId = newId('integration');
  await db
    .insert(integrations)
    .values({ id: integrationId, userId, provider, accountId, status: 'active', shard: 0, ...integration });
  return { integrationId, accountId };
}

/** A weight of `weightKg` at `startsAt`, as a connector would map it. */
export const weightDraft = (sourceId: string, weightKg: number, startsAt: string): RecordDraft => ({
  sourceId,
  startsAt: new Date(startsAt),
  endsAt: null,
  offsetMinutes: 60,
  localDate: startsAt.slice(0, 10),
  modifiedAt: null,
  content: { weightKg },
  provenance: { device: 'Scale' },
});
