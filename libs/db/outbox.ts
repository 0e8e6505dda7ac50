import { sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import type { ProviderId, StreamName } from '../core/providers';
import { STREAM_SCOPE } from '../core/scopes';
import { arrayLiteral } from './array-literal';
import type { EventType } from '../webhooks/event-types';
import { executePrepared, type Executor } from './database';

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
  type: EventType;
  stream: StreamName | null;
  recordCount: number;
  /** The event's `data`; never a token. */
  data: Readonly<Record<string, unknown>>;
}

/**
 * Appends events and their deliveries inside the caller's transaction. A delivery is made for each endpoint, paused and
 * disabled ones too, that asked for the type and the user, and whose app has a live grant of the user that covers the stream
 * (design §8 "Whose"). Must be the last statement before COMMIT: it takes the user's sequence row. An event id that
 * exists is left alone (its number is skipped then). Answers how many deliveries were made; when there are any, call
 * `wakeDispatchers` after COMMIT.
 */
export async function appendEvents(
  tx: Executor,
  owner: EventOwner,
  events: readonly NewEvent[],
): Promise<number> {
  if (events.length === 0) return 0;
  const rows = events.map((e, i) => ({
    ord: i + 1,
    day: idDay(e.id),
    id: e.id,
    type: e.type,
    type_group: `${e.type.slice(0, e.type.indexOf('.'))}.*`,
    scope: e.stream === null ? 'integrations.read' : STREAM_SCOPE[e.stream],
    stream: e.stream,
    record_count: e.recordCount,
    data: e.data,
  }));
  const made = await executePrepared(
    tx,
    sql`
    with wanted as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as w(ord int, day date, id text, type text,
        type_group text, scope text, stream text, record_count int, data jsonb)
    ), sequence as (
      insert into user_sequences as s (user_id, seq)
      values (${owner.userId}, ${events.length}::int)
      on conflict (user_id) do update set seq = s.seq + excluded.seq
      returning seq, clock_timestamp() as at
    ), added as (
      insert into events (day, id, type, user_id, integration_id, provider, stream, seq, record_count, data, occurred_at)
      select w.day, w.id, w.type, ${owner.userId}, ${owner.integrationId}, ${owner.provider}, w.stream,
        s.seq - ${events.length}::int + w.ord, w.record_count, w.data, s.at
      from wanted w cross join sequence s
      on conflict (day, id) do nothing
      returning day, id, seq, occurred_at
    )
    insert into deliveries (day, id, event_id, endpoint_id, user_id, seq, queued_at, created_at, counted)
    select a.day, delivery_id(a.id, p.id), a.id, p.id, ${owner.userId}, a.seq, a.occurred_at, a.occurred_at,
      p.status = 'enabled'
    from added a
    join wanted w on w.id = a.id
    join grants g on g.user_id = ${owner.userId} and g.revoked_at is null and w.scope = any(g.scopes)
    join endpoints p on p.app_id = g.app_id and p.deleted_at is null
      and p.event_types && array[w.type, w.type_group, '*']
      and (p.user_ids is null or ${owner.userId} = any(p.user_ids))
    where ${owner.reExport}
    returning 1`,
  );
  return made.length;
}

/** An event about an app itself (`endpoint.*`). */
export interface AppEvent {
  id: string;
  appId: string;
  type: EventType;
  data: Readonly<Record<string, unknown>>;
}

/**
 * Appends an event of an app and its deliveries to the given endpoints, or to every enabled endpoint of the app that
 * asked for the type when none are given. Answers how many deliveries were made; then `wakeDispatchers` after COMMIT.
 */
export async function appendAppEvent(
  tx: Executor,
  event: AppEvent,
  endpointIds: readonly string[] | null,
): Promise<number> {
  const group = `${event.type.slice(0, event.type.indexOf('.'))}.*`;
  const made = await tx.execute(sql`
    with added as (
      insert into events (day, id, type, app_id, data, occurred_at)
      values (${idDay(event.id)}, ${event.id}, ${event.type}, ${event.appId}, ${JSON.stringify(event.data)}::jsonb,
        clock_timestamp())
      returning day, id, occurred_at
    )
    insert into deliveries (day, id, event_id, endpoint_id, queued_at, created_at, counted)
    select a.day, delivery_id(a.id, p.id), a.id, p.id, a.occurred_at, a.occurred_at, p.status = 'enabled'
    from added a join endpoints p on p.app_id = ${event.appId} and p.deleted_at is null
    where case when ${endpointIds === null} then p.status = 'enabled' and p.event_types && array[${event.type}, ${group}, '*']
      else p.id = any(${arrayLiteral(endpointIds ?? [])}::text[]) end
    returning 1`);
  return made.length;
}
