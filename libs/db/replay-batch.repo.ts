import { sql } from 'drizzle-orm';
import { idDay } from '../core/ids';
import type { ProviderId } from '../core/providers';
import { STREAM_SCOPE } from '../core/scopes';
import { arrayLiteral } from './array-literal';
import { audit } from './audit.repo';
import type { Database, Executor } from './database';
import type { EndpointStatus, ReplayScope, ReplayStatus } from './schema/webhooks';

export interface BatchLimits {
  /** Deliveries queued per batch. */
  queued: number;
  /** Events looked at per batch. */
  scanned: number;
  /** With more pending deliveries than this nothing is queued. */
  pending: number;
}

export interface ReplayProgress {
  status: ReplayStatus;
  scanned: number;
  queued: number;
  /** The id of the last event that was looked at. */
  cursor: string | null;
  /** Why nothing was queued now. */
  held: 'pending' | 'paused' | null;
}

interface ReplayRow extends Record<string, unknown> {
  id: string;
  endpoint_id: string;
  from_at: string;
  to_at: string;
  event_types: string[];
  scope: ReplayScope;
  status: ReplayStatus;
  cursor: string | null;
  scanned: number;
  queued: number;
  endpoint_status: EndpointStatus;
  gone: boolean;
  full: boolean;
}

/**
 * Queues the next batch of a replay and moves its cursor in one transaction, so no event is queued twice by a replay,
 * whoever is killed. Queued are the events of the range that the endpoint's filters, the app's live grants and the
 * providers' policies cover (as in `appendEvents`), in the order of their ids: deliveries that have ended without success
 * (`failed`: failed or cancelled, and never delivered) or in any way (`all`) begin a new schedule under their old id, and
 * events without a delivery get one that does not count in the service level. Open deliveries are left alone, and so are
 * events about the app itself that were not meant for this endpoint.
 *
 * @param providers whose records partners may receive
 */
export async function queueReplayBatch(
  db: Database,
  replayId: string,
  providers: readonly ProviderId[],
  limits: BatchLimits,
): Promise<ReplayProgress> {
  return db.transaction(async (tx) => {
    const [replay] = await tx.execute<ReplayRow>(sql`
      select r.*, e.status as endpoint_status, e.deleted_at is not null as gone,
        (select count(*) from (select 1 from deliveries d where d.endpoint_id = r.endpoint_id and d.status = 'pending'
          limit ${limits.pending} + 1) p) > ${limits.pending} as full
      from replays r join endpoints e on e.id = r.endpoint_id
      where r.id = ${replayId} for update of r`);
    if (!replay) return { status: 'cancelled', scanned: 0, queued: 0, cursor: null, held: null };
    if (replay.status !== 'running') return { ...progressOf(replay), held: null };
    if (replay.gone || replay.endpoint_status === 'disabled') return fail(tx, replay);
    if (replay.endpoint_status === 'paused' || replay.full)
      return { ...progressOf(replay), held: replay.full ? 'pending' : 'paused' };
    return queue(tx, replay, providers, limits);
  });
}

const progressOf = ({ status, scanned, queued, cursor }: ReplayRow) => ({ status, scanned, queued, cursor });

/** The endpoint was deleted or disabled meanwhile. */
async function fail(tx: Executor, replay: ReplayRow): Promise<ReplayProgress> {
  await tx.execute(sql`
    update replays set status = 'failed', finished_at = clock_timestamp(), updated_at = clock_timestamp()
    where id = ${replay.id}`);
  await audit(tx, { actor: 'system', action: 'replay.failed', subject: replay.id });
  return { ...progressOf(replay), status: 'failed', held: null };
}

async function queue(
  tx: Executor,
  replay: ReplayRow,
  providers: readonly ProviderId[],
  limits: BatchLimits,
): Promise<ReplayProgress> {
  const again = sql`d.status in ('failed', 'cancelled') and d.delivered_at is null or ${replay.scope === 'all'}
    and d.status in ('failed', 'cancelled', 'delivered')`;
  const [moved] = await tx.execute<ReplayRow>(sql`
    with seen as materialized (
      select e.day, e.id, e.type, e.user_id, e.provider, e.stream, e.seq,
        e.occurred_at >= ${replay.from_at}::timestamptz and e.occurred_at < ${replay.to_at}::timestamptz as inside,
        row_number() over (order by e.day, e.id) as place
      from events e
      where e.day between (${replay.from_at}::timestamptz at time zone 'UTC')::date - 1
          and (${replay.to_at}::timestamptz at time zone 'UTC')::date + 1
        ${replay.cursor === null ? sql`` : sql`and e.day >= ${idDay(replay.cursor)} and (e.day, e.id) > (${idDay(replay.cursor)}::date, ${replay.cursor})`}
      order by e.day, e.id limit ${limits.scanned}
    ), wanted as (
      select w.day, w.id, w.user_id, w.seq, w.place
      from seen w
      join endpoints p on p.id = ${replay.endpoint_id}
      left join grants g on g.app_id = p.app_id and g.user_id = w.user_id and g.revoked_at is null
      left join deliveries d on d.day = w.day and d.endpoint_id = p.id and d.event_id = w.id
      where w.inside
        and ${arrayLiteral(replay.event_types)}::text[] && array[w.type, split_part(w.type, '.', 1) || '.*', '*']
        and (d.id is null and w.user_id is not null or ${again})
        and (w.user_id is null
          or p.event_types && array[w.type, split_part(w.type, '.', 1) || '.*', '*']
            and (p.user_ids is null or w.user_id = any(p.user_ids))
            and coalesce(${JSON.stringify(STREAM_SCOPE)}::jsonb->>w.stream, 'integrations.read') = any(g.scopes)
            and (w.provider is null or w.provider = any(${arrayLiteral(providers)}::text[])))
      order by w.place limit ${limits.queued}
    ), queued as (
      insert into deliveries as d (day, id, event_id, endpoint_id, user_id, seq, queued_at, created_at, counted)
      select w.day, delivery_id(w.id, ${replay.endpoint_id}), w.id, ${replay.endpoint_id}, w.user_id, w.seq, clock_timestamp(),
        clock_timestamp(), false
      from wanted w order by w.place
      on conflict (day, endpoint_id, event_id) do update set status = 'pending', schedule_from = d.attempts,
        queued_at = clock_timestamp(), next_at = null, completed_at = null, handed_over = false
      where ${again}
      returning 1
    ), last as (
      select coalesce(
        (select max(place) from wanted having count(*) = ${limits.queued}), (select max(place) from seen), 0) as place
    )
    update replays r set
      scanned = r.scanned + (select count(*) from seen s where s.inside and s.place <= last.place),
      queued = r.queued + (select count(*) from queued),
      cursor = coalesce((select s.id from seen s where s.place = last.place), r.cursor),
      status = case when last.place < ${limits.scanned} and last.place = coalesce((select max(place) from seen), 0)
        then 'completed' else 'running' end,
      finished_at = case when last.place < ${limits.scanned} and last.place = coalesce((select max(place) from seen), 0)
        then clock_timestamp() end,
      updated_at = clock_timestamp()
    from last where r.id = ${replay.id} returning r.*`);
  return { ...progressOf(moved!), held: null };
}
