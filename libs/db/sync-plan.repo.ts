import { sql } from 'drizzle-orm';
import type { ProviderId, StreamName } from '../core/providers';
import type { Database, Executor } from './database';
import type { IntegrationStatus } from './schema/integrations';

/** How far and how often a stream is read, from its connector and the provider's policy. */
export interface StreamRule {
  stream: StreamName;
  anyScope: readonly string[];
  windowDays: number;
  overlapDays: number;
  /** Depth of the first read, already clipped to the provider's cache life. */
  initialDays: number;
  pageTokenTtlMs: number;
}

export interface PlanRequest {
  integrationId: string;
  runId: string;
  round: number;
  trigger: string;
  /** Only streams that have not reached the run's start yet. */
  continuation: boolean;
  rulesOf: (provider: ProviderId) => readonly StreamRule[];
}

export type RunPlan =
  { kind: 'skip'; reason: string } | { kind: 'sync'; generation: number; streams: StreamName[] };

/**
 * Opens the windows of one round. Planning the same (run, round) again returns the same streams and changes nothing.
 * An open window goes on at its cursor, or from its start when the page token is too old to be trusted.
 */
export async function planRound(db: Database, request: PlanRequest): Promise<RunPlan> {
  return db.transaction(async (tx) => {
    const [integration] = await tx.execute<{
      provider: ProviderId;
      status: IntegrationStatus;
      generation: number;
      scopes: string[];
    }>(
      sql`select provider, status, generation, scopes from integrations where id = ${request.integrationId} for share`,
    );
    if (!integration) return { kind: 'skip', reason: 'not_found' };
    if (integration.status !== 'active' && integration.status !== 'degraded') {
      return { kind: 'skip', reason: integration.status };
    }
    await tx.execute(sql`
      insert into sync_runs as r (id, integration_id, trigger, rounds)
      values (${request.runId}, ${request.integrationId}, ${request.trigger}, ${request.round})
      on conflict (id) do update set rounds = greatest(r.rounds, excluded.rounds)`);
    const streams: StreamName[] = [];
    for (const rule of request.rulesOf(integration.provider)) {
      if (!rule.anyScope.some((scope) => integration.scopes.includes(scope))) continue;
      if (await openWindow(tx, request, rule)) streams.push(rule.stream);
    }
    return { kind: 'sync', generation: integration.generation, streams };
  });
}

/** Opens, keeps or restarts the stream's window. False: nothing to read in this round. */
async function openWindow(tx: Executor, request: PlanRequest, rule: StreamRule): Promise<boolean> {
  await tx.execute(sql`
    insert into integration_streams (integration_id, stream) values (${request.integrationId}, ${rule.stream})
    on conflict do nothing`);
  const rows = await tx.execute(sql`
    with present as (
      select s.*, r.started_at as run_started_at, clock_timestamp() as now,
        coalesce(s.planned_run_id = ${request.runId}, false) as same_run,
        coalesce(upper(s.answered), '-infinity'::timestamptz) as reached
      from integration_streams s, sync_runs r
      where s.integration_id = ${request.integrationId} and s.stream = ${rule.stream} and r.id = ${request.runId}
      for update of s
    ), wanted as (
      select *,
        greatest(now - make_interval(days => ${rule.initialDays}),
          case when same_run and reached < run_started_at then reached
            else reached - make_interval(days => ${rule.overlapDays}) end) as new_from
      from present
      where window_to is not null or not (${request.continuation} and reached >= run_started_at)
    )
    update integration_streams s set
      window_from = coalesce(w.window_from, w.new_from),
      window_to = coalesce(w.window_to, least(w.now, w.new_from + make_interval(days => ${rule.windowDays}))),
      page_token = case when w.page_token_at < w.now - make_interval(secs => ${rule.pageTokenTtlMs / 1000})
        then null else w.page_token end,
      window_records = case when w.page_token is null then 0 else w.window_records end,
      asked = w.asked + tstzmultirange(tstzrange(coalesce(w.window_from, w.new_from),
        coalesce(w.window_to, least(w.now, w.new_from + make_interval(days => ${rule.windowDays}))))),
      cursor_version = w.cursor_version + 1,
      planned_run_id = ${request.runId}, planned_round = ${request.round}
    from wanted w
    where s.integration_id = w.integration_id and s.stream = w.stream
      and not (w.same_run and w.planned_round = ${request.round})
    returning 1`);
  if (rows.length > 0) {
    await tx.execute(sql`
      insert into sync_run_streams as s (run_id, stream) values (${request.runId}, ${rule.stream})
      on conflict (run_id, stream) do update set error_code = null, deferred_until = null`);
    return true;
  }
  const [planned] = await tx.execute(sql`
    select 1 from integration_streams where integration_id = ${request.integrationId} and stream = ${rule.stream}
      and planned_run_id = ${request.runId} and planned_round = ${request.round}`);
  return planned !== undefined;
}
