import { customType, timestamp } from 'drizzle-orm/pg-core';

/** An instant; read as a Date. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const createdAt = () => instant('created_at').notNull().defaultNow();

/** Set of instant ranges, e.g. `{[2026-11-01 00:00+00,2026-11-22 10:00+00)}`. */
export const instantMultirange = customType<{ data: string }>({ dataType: () => 'tstzmultirange' });
