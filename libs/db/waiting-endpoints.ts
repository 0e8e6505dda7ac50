import { sql, type SQL } from 'drizzle-orm';
import { arrayLiteral } from './array-literal';

/**
 * A recursive CTE `waiting(endpoint_id)`: the endpoints with deliveries of a status, and one null row. Steps over the partial
 * index from one endpoint to the next, so it costs a step per endpoint and not one per delivery.
 *
 * @param days the days whose partitions are looked at
 */
export function waitingEndpoints(status: 'pending' | 'retrying', days: readonly string[]): SQL {
  // Not a parameter: the planner takes a partial index only for a condition it can see.
  const here = sql`day = any(${arrayLiteral(days)}::date[]) and status = ${sql.raw(`'${status}'`)}`;
  return sql`waiting(endpoint_id) as (
      (select endpoint_id from deliveries where ${here} order by endpoint_id limit 1)
      union all
      select (select endpoint_id from deliveries where ${here} and endpoint_id > w.endpoint_id order by endpoint_id limit 1)
      from waiting w where w.endpoint_id is not null
    )`;
}
