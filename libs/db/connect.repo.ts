import { and, eq, sql } from 'drizzle-orm';
import { AppError, type FailureCode } from '../core/errors';
import { newId } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import type { Database, Executor } from './database';
import { insertPending, lockUserProvider, type Integration } from './integrations.repo';
import { appendEvents } from './outbox';
import { publishing } from './wake-dispatchers';
import { integrations, providerAccounts } from './schema/integrations';

interface SealedPair {
  accessTokenSealed: string;
  /** Null keeps the stored one: a provider that sends none again has not changed it. */
  refreshTokenSealed: string | null;
  accessExpiresAt: Date | null;
}

export interface GrantedConnection {
  /** The integration whose connect flow this is. */
  integrationId: string;
  provider: ProviderId;
  /** Our OAuth client id at the provider. */
  providerApp: string;
  /** The provider's id of the account. */
  externalId: string;
  /** Provider scopes the user accepted. */
  scopes: readonly string[];
  /** Streams these scopes cover, and the others; with none covered the integration needs another consent. */
  streams: readonly StreamName[];
  missingStreams: readonly StreamName[];
  /** May partners be told (provider policy)? */
  reExport: boolean;
  seal: (accountId: string) => SealedPair;
}

/**
 * Ends a connect flow: account with sealed tokens, integration `active` (or `needs_reauth` without any usable scope) at
 * the next generation, event, in one transaction. The same provider account keeps its integration id; the first sync
 * is due in 5 min, the net below the caller's immediate start.
 *
 * @throws AppError `account_mismatch` for another account on a live integration, `integration_gone` when it was
 *   disconnected in the meantime
 */
export async function connectIntegration(db: Database, granted: GrantedConnection): Promise<Integration> {
  return publishing(db, async (tx) => {
    const flow = await lockFlow(tx, granted.integrationId);
    const accountId = await lockAccount(tx, granted);
    const target = await targetOf(tx, flow, accountId);
    await storeTokens(tx, accountId, granted.seal(accountId));
    const connected = await activate(tx, target, accountId, granted);
    await announce(tx, connected, granted);
    return connected;
  });
}

async function lockFlow(tx: Executor, id: string): Promise<Integration> {
  const [found] = await tx.select().from(integrations).where(eq(integrations.id, id));
  if (found) await lockUserProvider(tx, found.userId, found.provider);
  const [flow] = await tx.select().from(integrations).where(eq(integrations.id, id)).for('update');
  if (!flow || flow.status === 'disconnected')
    throw new AppError('integration_gone', 'The integration was disconnected meanwhile. Connect it again.');
  return flow;
}

/** The account's row, made when new; the upsert locks it. */
async function lockAccount(tx: Executor, granted: GrantedConnection): Promise<string> {
  const { provider, providerApp, externalId } = granted;
  const [row] = await tx
    .insert(providerAccounts)
    .values({ id: newId('account'), provider, providerApp, externalId })
    .onConflictDoUpdate({
      target: [providerAccounts.provider, providerAccounts.providerApp, providerAccounts.externalId],
      set: { updatedAt: sql`clock_timestamp()` },
    })
    .returning({ id: providerAccounts.id });
  return row!.id;
}

/**
 * Which integration this account belongs to: the flow's own, or the one that had the account before it was
 * disconnected, or a new one when the flow had reopened the integration of another account (its records are that
 * account's and must not mix).
 */
async function targetOf(tx: Executor, flow: Integration, accountId: string): Promise<Integration> {
  if (flow.accountId === accountId) return flow;
  if (flow.status !== 'pending')
    throw new AppError(
      'account_mismatch',
      'This integration belongs to another account at the provider. Log in there with the same account, or disconnect first.',
    );
  const [earlier] = await tx
    .select()
    .from(integrations)
    .where(and(eq(integrations.userId, flow.userId), eq(integrations.accountId, accountId)))
    .for('update');
  if (!earlier && flow.accountId === null) return flow;
  await tx.update(integrations).set({ status: 'disconnected' }).where(eq(integrations.id, flow.id));
  return earlier ?? insertPending(tx, flow.userId, flow.provider);
}

async function storeTokens(tx: Executor, accountId: string, pair: SealedPair): Promise<void> {
  await tx
    .update(providerAccounts)
    .set({
      accessTokenSealed: pair.accessTokenSealed,
      ...(pair.refreshTokenSealed === null ? {} : { refreshTokenSealed: pair.refreshTokenSealed }),
      accessExpiresAt: pair.accessExpiresAt,
      tokenVersion: sql`${providerAccounts.tokenVersion} + 1`,
      refreshOwner: null,
      refreshUntil: null,
      refreshRetriedVersion: null,
      updatedAt: sql`clock_timestamp()`,
    })
    .where(eq(providerAccounts.id, accountId));
}

async function activate(
  tx: Executor,
  target: Integration,
  accountId: string,
  granted: GrantedConnection,
): Promise<Integration> {
  const usable = granted.streams.length > 0;
  const [row] = await tx
    .update(integrations)
    .set({
      accountId,
      status: usable ? 'active' : 'needs_reauth',
      statusReason: usable ? null : ('scope_missing' satisfies FailureCode),
      generation: sql`${integrations.generation} + 1`,
      scopes: [...granted.scopes],
      nextSyncAt: usable ? sql`clock_timestamp() + interval '5 minutes'` : null,
      updatedAt: sql`clock_timestamp()`,
    })
    .where(eq(integrations.id, target.id))
    .returning();
  return row!;
}

async function announce(tx: Executor, connected: Integration, granted: GrantedConnection): Promise<void> {
  const { id: integrationId, userId, provider, status, statusReason } = connected;
  const streams = { streams: granted.streams, missingStreams: granted.missingStreams };
  await appendEvents(tx, { userId, integrationId, provider, reExport: granted.reExport }, [
    {
      id: newId('event'),
      type: status === 'active' ? 'integration.connected' : 'integration.needs_reauth',
      stream: null,
      recordCount: 0,
      data: status === 'active' ? streams : { reason: statusReason, ...streams },
    },
  ]);
}
