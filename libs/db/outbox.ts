import { sql } from 'drizzle-orm';
import { newId } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import { STREAM_SCOPE } from '../core/scopes';
import type { Executor } from './database';

export interface EventOwner {
  userId: string;
  integrationId: string;
  provider: ProviderId;
  /** May partners receive these events (provider policy)? False: the events are kept, no delivery is made. */
  reExport: boolean;
}

export interface NewEvent {
  id: string;
  /** `<stream>.<created|updated|deleted>`, `integration.*` or `sync.completed`. */
  type: string;
  stream: StreamName | null;
  recordCount: number;
  /** The event's `data`; never a token. */
  data: Readonly<Record<string, unknown>>;
}

/** Does an endpoint's list of types (exact, `<word>.*` or `*`) cover an event type? */
const typeMatches = (patterns: readonly string[], type: string): boolean =>
  patterns.some((p) => p === '*' || p === type || (p.endsWith('.*') && type.startsWith(p.slice(0, -1))));

/**
 * Appends events and their deliveries inside the caller's transaction. A delivery is made for each endpoint that is not
 * disabled of an app with a live grant of the user that covers the stream (design §8 "Whose").
 * Must be the last statement before COMMIT: it takes the user's sequence row. An event id that exists is left alone.
 */
export async function appendEvents(
  tx: Executor,
  owner: EventOwner,
  events: readonly NewEvent[],
): Promise<void> {
  if (events.length === 0) return;
  const receivers = owner.reExport ? await grantedEndpoints(tx, owner.userId) : [];
  const deliveries = events.flatMap((event) =>
    receivers
      .filter((r) => typeMatches(r.eventTypes, event.type))
      .filter((r) =>
        r.scopes.includes(event.stream === null ? 'integrations.read' : STREAM_SCOPE[event.stream]),
      )
      .map((r) => ({ id: newId('delivery'), event_id: event.id, endpoint_id: r.endpointId })),
  );
  const eventRows = events.map((e, i) => ({
    ord: i + 1,
    id: e.id,
    type: e.type,
    stream: e.stream,
    record_count: e.recordCount,
    data: e.data,
  }));
  await tx.execute(sql`
    with wanted as (
      select * from jsonb_to_recordset(${JSON.stringify(eventRows)}::jsonb)
        as w(ord int, id text, type text, stream text, record_count int, data jsonb)
      where not exists (select 1 from events e where e.id = w.id)
    ), sequence as (
      insert into user_sequences as s (user_id, seq)
      select ${owner.userId}, count(*) from wanted having count(*) > 0
      on conflict (user_id) do update set seq = s.seq + excluded.seq
      returning seq
    ), added as (
      insert into events (id, type, user_id, integration_id, provider, stream, seq, record_count, data, occurred_at)
      select id, type, ${owner.userId}, ${owner.integrationId}, ${owner.provider}, stream,
        (select seq from sequence) - (select count(*) from wanted) + row_number() over (order by ord),
        record_count, data, clock_timestamp()
      from wanted
      returning id, seq
    )
    insert into deliveries (id, event_id, endpoint_id, user_id, seq)
    select d.id, d.event_id, d.endpoint_id, ${owner.userId}, added.seq
    from jsonb_to_recordset(${JSON.stringify(deliveries)}::jsonb) as d(id text, event_id text, endpoint_id text)
    join added on added.id = d.event_id`);
}

interface Receiver {
  endpointId: string;
  eventTypes: string[];
  scopes: string[];
}

async function grantedEndpoints(tx: Executor, userId: string): Promise<Receiver[]> {
  const rows = await tx.execute<{ endpoint_id: string; event_types: string[]; scopes: string[] }>(sql`
    select e.id as endpoint_id, e.event_types, g.scopes
    from grants g join endpoints e on e.app_id = g.app_id
    where g.user_id = ${userId} and g.revoked_at is null and e.status <> 'disabled'`);
  return rows.map((r) => ({ endpointId: r.endpoint_id, eventTypes: r.event_types, scopes: r.scopes }));
}
