import { sql, type SQL } from 'drizzle-orm';

/** What is promised for the first attempt after the commit, and for a retry after it is due. */
export const FIRST_ATTEMPT_WITHIN = sql`interval '60 seconds'`;
export const RETRY_WITHIN = sql`interval '5 minutes'`;

/**
 * Did something happen later than `within` after it was due, without the endpoint `e` being the reason? An endpoint is the
 * reason when its last hold (paused, disabled or degraded) began before the time was up and had not ended before it was
 * due. Only the last hold is known: where there were several, the answer counts against us.
 */
export const isLate = (
  happenedAt: SQL,
  dueAt: SQL,
  within: SQL,
): SQL => sql`(${happenedAt} > ${dueAt} + ${within}
  and not coalesce(e.held_from < ${dueAt} + ${within} and (e.held_until is null or e.held_until > ${dueAt}), false))`;

/** Assigns `late` in an update of the delivery `d`: a retry that is overdue stays late, whatever a person does with it now. */
export const staysLate: SQL = sql`late = d.late or coalesce(d.status = 'retrying' and (
  select ${isLate(sql`clock_timestamp()`, sql`d.next_at`, RETRY_WITHIN)} from endpoints e where e.id = d.endpoint_id), false)`;
