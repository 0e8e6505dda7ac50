import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import type { ProviderId } from '../core/providers';
import type { Executor } from './database';
import { connectStates, integrations } from './schema/integrations';

export interface ConnectState {
  integrationId: string;
  userId: string;
  appId: string;
  /** Sealed with context `connect:<stateHash>`; null where the provider knows no PKCE. */
  pkceVerifierSealed: string | null;
  returnUrl: string | null;
}

/** Remembers a connect flow by the hash of its state for `ttlS` seconds of the database's clock; returns its end. */
export async function saveConnectState(
  db: Executor,
  state: {
    stateHash: string;
    integrationId: string;
    appId: string;
    pkceVerifierSealed: string | null;
    returnUrl: string | null;
  },
  ttlS: number,
): Promise<Date> {
  const [row] = await db
    .insert(connectStates)
    .values({ ...state, expiresAt: sql`clock_timestamp() + make_interval(secs => ${ttlS})` })
    .returning({ expiresAt: connectStates.expiresAt });
  return row!.expiresAt;
}

/**
 * Uses a state up: of two callbacks with one state, one gets the flow and the other null. Also null when the state is
 * unknown, over, or of another provider.
 */
export async function consumeConnectState(
  db: Executor,
  stateHash: string,
  provider: ProviderId,
): Promise<ConnectState | null> {
  const [row] = await db
    .update(connectStates)
    .set({ consumedAt: sql`clock_timestamp()` })
    .from(integrations)
    .where(
      and(
        eq(connectStates.stateHash, stateHash),
        isNull(connectStates.consumedAt),
        gt(connectStates.expiresAt, sql`clock_timestamp()`),
        eq(integrations.id, connectStates.integrationId),
        eq(integrations.provider, provider),
      ),
    )
    .returning({
      integrationId: connectStates.integrationId,
      userId: integrations.userId,
      appId: connectStates.appId,
      pkceVerifierSealed: connectStates.pkceVerifierSealed,
      returnUrl: connectStates.returnUrl,
    });
  return row ?? null;
}
