import { and, desc, eq, lt, sql } from 'drizzle-orm';
import { AppError } from '../core/errors';
import { newId } from '../core/ids';
import { audit } from './audit.repo';
import type { Database, Executor } from './database';
import { endpoints, replays, type ReplayScope } from './schema/webhooks';

export type Replay = typeof replays.$inferSelect;

/** The time inside an event's id, by which a replay goes through them. */
export const cursorTime = (eventId: string): Date => new Date(Number.parseInt(eventId.slice(4, 16), 16));

/** Events are kept at least so long; older ones while their partition stands. */
const EVENTS_KEPT_DAYS = 35;

/** The start of the oldest day whose events are kept. */
export async function eventsKeptFrom(db: Executor): Promise<Date> {
  const [row] = await db.execute<{ kept_from: string }>(sql`
    select least(
      date_trunc('day', now() at time zone 'UTC') - ${EVENTS_KEPT_DAYS}::int * interval '1 day',
      min(to_date(substring(c.relname from 'events_(\\d{8})$'), 'YYYYMMDD'))
    )::date::text as kept_from
    from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'events'::regclass`);
  return new Date(`${row!.kept_from}T00:00:00Z`);
}

export interface NewReplay {
  appId: string;
  endpointId: string;
  from: Date;
  to: Date;
  scope: ReplayScope;
  eventTypes: readonly string[];
  actor: string;
}

/**
 * Makes a replay; its workflow is started after COMMIT.
 * @throws AppError `not_found`; `conflict` when the endpoint is not enabled, or has a running replay
 */
export async function createReplay(db: Database, input: NewReplay): Promise<Replay> {
  return db.transaction(async (tx) => {
    const [endpoint] = await tx
      .select({ status: endpoints.status })
      .from(endpoints)
      .where(
        and(
          eq(endpoints.id, input.endpointId),
          eq(endpoints.appId, input.appId),
          sql`${endpoints.deletedAt} is null`,
        ),
      )
      .for('update');
    if (!endpoint) throw new AppError('not_found', 'There is no endpoint with this id.');
    if (endpoint.status !== 'enabled')
      throw new AppError('conflict', `This endpoint is ${endpoint.status}. Enable it first.`, {
        details: { status: endpoint.status },
      });
    const [running] = await tx
      .select({ id: replays.id })
      .from(replays)
      .where(and(eq(replays.endpointId, input.endpointId), eq(replays.status, 'running')));
    if (running)
      throw new AppError(
        'conflict',
        `The replay ${running.id} of this endpoint is running. Wait, or cancel it.`,
        {
          details: { replayId: running.id },
        },
      );
    const [replay] = await tx
      .insert(replays)
      .values({
        id: newId('replay'),
        endpointId: input.endpointId,
        fromAt: input.from,
        toAt: input.to,
        scope: input.scope,
        eventTypes: [...input.eventTypes],
      })
      .returning();
    await audit(tx, {
      actor: input.actor,
      action: 'replay.started',
      subject: replay!.id,
      details: { endpointId: input.endpointId, from: input.from, to: input.to, scope: input.scope },
    });
    return replay!;
  });
}

/** A replay of one of the app's endpoints; null when there is none. */
export async function findReplay(db: Executor, appId: string, id: string): Promise<Replay | null> {
  const [row] = await db
    .select({ replay: replays })
    .from(replays)
    .innerJoin(endpoints, and(eq(endpoints.id, replays.endpointId), eq(endpoints.appId, appId)))
    .where(eq(replays.id, id));
  return row?.replay ?? null;
}

/** Newest first; `limit + 1` rows tell that there are more. */
export async function listReplays(
  db: Executor,
  endpointId: string,
  page: { limit: number; beforeId: string | null },
): Promise<Replay[]> {
  return db
    .select()
    .from(replays)
    .where(
      and(
        eq(replays.endpointId, endpointId),
        page.beforeId === null ? undefined : lt(replays.id, page.beforeId),
      ),
    )
    .orderBy(desc(replays.id))
    .limit(page.limit + 1);
}

/** Ends a running replay; null when it had ended. What is queued by then is delivered. */
export async function endReplay(
  db: Database,
  replayId: string,
  status: 'cancelled' | 'failed',
  actor: string,
): Promise<Replay | null> {
  return db.transaction(async (tx) => {
    const [ended] = await tx
      .update(replays)
      .set({ status, finishedAt: sql`clock_timestamp()`, updatedAt: sql`clock_timestamp()` })
      .where(and(eq(replays.id, replayId), eq(replays.status, 'running')))
      .returning();
    if (!ended) return null;
    await audit(tx, { actor, action: `replay.${status}`, subject: replayId });
    return ended;
  });
}

/** Running replays that have not moved for a while. */
export async function readStillReplays(db: Executor, forMs: number): Promise<Replay[]> {
  return db
    .select()
    .from(replays)
    .where(
      and(
        eq(replays.status, 'running'),
        sql`${replays.updatedAt} < clock_timestamp() - ${forMs}::float8 * interval '1 millisecond'`,
      ),
    )
    .limit(100);
}
