import { sql, type SQL } from 'drizzle-orm';

/** When an endpoint counts as degraded and how often it is probed then. */
export interface ProbePolicy {
  degradedAfterFailures: number;
  /** The time to the first probe; it doubles with each failed one. */
  firstProbeMs: number;
  maxProbeMs: number;
}

/**
 * The part of `writeResults` that judges the endpoints: reads its `results` and `tried`, and leaves `judged`. A success makes an
 * endpoint healthy, `degradedAfterFailures` failures in a row make it degraded, 410 disables it.
 */
export const judged = (probes: ProbePolicy): SQL => sql`, outcome as (
      select endpoint_id as id, count(*) filter (where error is null) as good,
        count(*) filter (where error is not null) as bad, bool_or(gone) as gone
      from results
      where number is not null and id in (select delivery_id from tried)
      group by endpoint_id
    ), before as (
      select e.id, e.health, o.good, o.bad, o.gone, e.consecutive_failures + o.bad as failures,
        e.health = 'healthy' and e.status = 'enabled' and (o.gone
          or o.good = 0 and e.consecutive_failures + o.bad >= ${probes.degradedAfterFailures}::int) as holds
      from endpoints e join outcome o using (id)
      where o.bad > 0 or e.consecutive_failures > 0 or e.health = 'degraded'
    ), judged as (
      update endpoints e set
        consecutive_failures = case when b.good > 0 then 0 else b.failures end,
        failing_since = case when b.good > 0 then null else coalesce(e.failing_since, clock_timestamp()) end,
        health = case when b.good > 0 then 'healthy'
          when b.failures >= ${probes.degradedAfterFailures}::int then 'degraded' else e.health end,
        probes = case when b.good > 0 then 0 when b.failures >= ${probes.degradedAfterFailures}::int then e.probes + 1 else 0 end,
        next_probe_at = case
          when b.good = 0 and b.failures >= ${probes.degradedAfterFailures}::int then clock_timestamp() + interval '1 millisecond'
            * least(${probes.firstProbeMs}::float8 * power(2, least(e.probes, 20)), ${probes.maxProbeMs}::float8) end,
        held_from = case when b.holds then clock_timestamp() else e.held_from end,
        held_until = case when b.holds then null
          when b.good > 0 and e.health = 'degraded' and e.status = 'enabled' then clock_timestamp() else e.held_until end,
        draining = e.draining or (b.good > 0 and e.health = 'degraded'),
        status = case when b.gone then 'disabled' else e.status end,
        status_reason = case when b.gone then 'endpoint_gone' else e.status_reason end,
        disabled_at = case when b.gone and e.status <> 'disabled' then clock_timestamp() else e.disabled_at end
      from before b where b.id = e.id
      returning e.id, b.health = 'degraded' and b.good > 0 as recovered, b.gone
    )`;
