import { sql } from 'drizzle-orm';
import type { RecordNow } from '../webhooks/outgoing-event';
import type { Executor } from './database';

interface RecordRow extends Record<string, unknown> {
  id: string;
  version: number;
  starts_at: string;
  ends_at: string | null;
  offset_minutes: number | null;
  local_date: string;
  content: unknown;
  provenance: unknown;
  deleted_at: string | null;
}

const isoOrNull = (text: string | null): string | null =>
  text === null ? null : new Date(text).toISOString();

/** The present state of records by id, for full webhook bodies; erased ones are absent. */
export async function readRecordsNow(
  db: Executor,
  recordIds: readonly string[],
): Promise<ReadonlyMap<string, RecordNow>> {
  const rows = await db.execute<RecordRow>(sql`
    select id, version, starts_at, ends_at, offset_minutes, local_date, content, provenance, deleted_at from records
    where id in (select jsonb_array_elements_text(${JSON.stringify(recordIds)}::jsonb))`);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        id: row.id,
        version: row.version,
        deleted: row.deleted_at !== null,
        fields: {
          startsAt: isoOrNull(row.starts_at),
          endsAt: isoOrNull(row.ends_at),
          offsetMinutes: row.offset_minutes,
          localDate: row.local_date,
          content: row.content,
          provenance: row.provenance,
        },
      },
    ]),
  );
}
