import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '../../libs/core/ids';
import type { StreamName } from '../../libs/core/providers';
import type { Database } from '../../libs/db/database';
import { appendEvents, type NewEvent } from '../../libs/db/outbox';
import { wakeDispatchers } from '../../libs/db/wake-dispatchers';
import { waitUntil } from '../support/wait-until';
import { between, type Random } from './chaos-plan';
import { existingEvents } from './ledger-rows';
import type { User } from './partners';

/** One committed event. */
export interface PublishedEvent {
  id: string;
  userId: string;
  type: 'weight.created' | 'sleep.updated';
  stream: StreamName;
  /** When the publisher knew that the commit had succeeded, Unix ms. */
  committedAt: number;
}

export interface Publication {
  /** By event id. */
  events: Map<string, PublishedEvent>;
  /** Commits whose outcome was unknown, and how many of them had succeeded. */
  unknownCommits: number;
  unknownButCommitted: number;
}

export interface PublishInput {
  count: number;
  perSecond: number;
  /** Connections that commit at the same time. */
  lanes: number;
  users: readonly User[];
  random: Random;
  /** Ends it before its time. */
  signal: AbortSignal;
}

const MAX_PER_COMMIT = 8;
const DATABASE_BACK_MS = 60_000;

/** Commits events at a steady rate, as the sync engine does: some in one transaction, of one user. */
export function startPublishing(
  db: Database,
  input: PublishInput,
): { publication: Publication; done: Promise<void> } {
  const publication: Publication = { events: new Map(), unknownCommits: 0, unknownButCommitted: 0 };
  let drawn = 0;
  const startedAt = performance.now();
  const lane = async (): Promise<void> => {
    while (drawn < input.count && !input.signal.aborted) {
      const size = Math.min(Math.floor(between(input.random, 1, MAX_PER_COMMIT + 1)), input.count - drawn);
      const dueAt = startedAt + (drawn / input.perSecond) * 1000;
      drawn += size;
      const user = input.users[Math.floor(input.random() * input.users.length)]!;
      const events = Array.from({ length: size }, () => newEvent(input.random() < 0.5));
      await pause(Math.max(0, dueAt - performance.now()), undefined, { signal: input.signal });
      await commit(db, publication, user, events, input.signal);
      const committedAt = Date.now();
      for (const { id, type, stream } of events)
        publication.events.set(id, { id, type, stream, userId: user.userId, committedAt });
    }
  };
  const done = Promise.all(Array.from({ length: input.lanes }, lane)).then(() => undefined);
  return { publication, done };
}

type Draft = NewEvent & Pick<PublishedEvent, 'type' | 'stream'>;

const newEvent = (isWeight: boolean): Draft => ({
  id: newId('event'),
  ...(isWeight
    ? { type: 'weight.created' as const, stream: 'weight' as const }
    : { type: 'sleep.updated' as const, stream: 'sleep' as const }),
  recordCount: 8,
  data: {
    count: 8,
    from: '2026-11-20T07:00:00.000Z',
    to: '2026-11-20T07:00:00.000Z',
    records: Array.from({ length: 8 }, () => ({ id: newId('record'), version: 1 })),
  },
});

/**
 * A failed commit is "unknown": what stands in the table is asked before it is tried again. The statement is a transaction
 * of its own: postgres.js 3.4.9 ends the process when a connection breaks inside `begin` (porsager/postgres#1208).
 */
async function commit(
  db: Database,
  publication: Publication,
  user: User,
  events: readonly Draft[],
  signal: AbortSignal,
): Promise<void> {
  const { userId, integrationId } = user;
  const owner = { userId, integrationId, provider: 'google_health' as const, reExport: true };
  for (;;) {
    try {
      await appendEvents(db, owner, events);
      await wakeDispatchers(db);
      return;
    } catch (error) {
      if (signal.aborted) throw error;
      publication.unknownCommits += 1;
      const there = await waitUntil(
        () =>
          signal.aborted
            ? []
            : existingEvents(
                db,
                events.map((e) => e.id),
              ),
        { what: 'the database after a commit without an answer', timeoutMs: DATABASE_BACK_MS },
      );
      if (there.length === events.length) {
        publication.unknownButCommitted += 1;
        return;
      }
      if (there.length > 0)
        throw new Error(`half a transaction was committed: ${there.length} of ${events.length} events`);
    }
  }
}
