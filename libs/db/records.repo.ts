import { sql } from 'drizzle-orm';
import { newId } from '../core/ids';
import type { ProviderId } from '../core/providers';
import { contentHash, HASH_VERSION } from '../health/content-hash';
import type { RecordDraft, ShapedStream } from '../health/records';
import type { Executor } from './database';

export interface RecordOwner {
  integrationId: string;
  userId: string;
  provider: ProviderId;
}

export interface ChangedRecord {
  id: string;
  version: number;
  startsAt: Date;
}

export interface UpsertResult {
  created: ChangedRecord[];
  updated: ChangedRecord[];
  unchanged: number;
}

/** One draft per identity, in the order of the identity, so that two transactions lock rows in the same order. */
function dedupeBySource(drafts: readonly RecordDraft[]): RecordDraft[] {
  const bySource = new Map<string, RecordDraft>();
  for (const draft of drafts) {
    const known = bySource.get(draft.sourceId);
    const older = known?.modifiedAt && draft.modifiedAt && draft.modifiedAt < known.modifiedAt;
    if (!older) bySource.set(draft.sourceId, draft);
  }
  return [...bySource.values()].sort((a, b) => (a.sourceId < b.sourceId ? -1 : 1));
}

interface UpsertedRow extends Record<string, unknown> {
  id: string;
  version: number;
  starts_at: string;
  kind: 'created' | 'updated' | 'silent';
}

/**
 * Writes one page of a stream: new identities are inserted, changed ones get `version + 1`, unchanged ones are only
 * read. A write wins only when its order instant is at least the stored one (design §7), so a slow old fetch never
 * overwrites a newer value. A stored row of an older hash version is rewritten without a new version.
 *
 * @param requestedAt database instant (ISO text, microseconds) at which the request began; orders records without a
 *   modified time of their own
 */
export async function upsertRecords(
  tx: Executor,
  owner: RecordOwner,
  stream: ShapedStream,
  drafts: readonly RecordDraft[],
  requestedAt: string,
): Promise<UpsertResult> {
  const rows = dedupeBySource(drafts).map((d) => ({
    id: newId('record'),
    source_id: d.sourceId,
    content_hash: contentHash(stream, d),
    order_at: d.modifiedAt?.toISOString() ?? requestedAt,
    starts_at: d.startsAt.toISOString(),
    ends_at: d.endsAt?.toISOString() ?? null,
    offset_minutes: d.offsetMinutes,
    local_date: d.localDate,
    content: d.content,
    provenance: d.provenance,
  }));
  if (rows.length === 0) return { created: [], updated: [], unchanged: 0 };
  const written = await tx.execute<UpsertedRow>(sql`
    with page as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as p(
        id text, source_id text, content_hash text, order_at timestamptz, starts_at timestamptz, ends_at timestamptz,
        offset_minutes int, local_date date, content jsonb, provenance jsonb)
    ), changed as (
      select p.*, r.version as old_version, r.deleted_at as old_deleted_at
      from page p left join records r
        on r.integration_id = ${owner.integrationId} and r.stream = ${stream} and r.source_id = p.source_id
      where r.id is null or (p.order_at >= r.order_at
        and (r.content_hash <> p.content_hash or r.hash_version <> ${HASH_VERSION} or r.deleted_at is not null))
    ), written as (
      insert into records as r (id, integration_id, user_id, provider, stream, source_id, version, content_hash,
        hash_version, order_at, starts_at, ends_at, offset_minutes, local_date, content, provenance)
      select id, ${owner.integrationId}, ${owner.userId}, ${owner.provider}, ${stream}, source_id, 1, content_hash,
        ${HASH_VERSION}, order_at, starts_at, ends_at, offset_minutes, local_date, content, provenance
      from changed order by source_id
      on conflict (integration_id, stream, source_id) do update set
        version = r.version + case when r.hash_version = excluded.hash_version or r.deleted_at is not null then 1 else 0 end,
        content_hash = excluded.content_hash, hash_version = excluded.hash_version, order_at = excluded.order_at,
        starts_at = excluded.starts_at, ends_at = excluded.ends_at, offset_minutes = excluded.offset_minutes,
        local_date = excluded.local_date, content = excluded.content, provenance = excluded.provenance,
        deleted_at = null, updated_at = clock_timestamp()
      where excluded.order_at >= r.order_at
        and (r.content_hash <> excluded.content_hash or r.hash_version <> excluded.hash_version or r.deleted_at is not null)
      returning r.id, r.source_id, r.version, r.starts_at
    )
    select w.id, w.version, w.starts_at,
      case when c.old_version is null or c.old_deleted_at is not null then 'created'
           when c.old_version = w.version then 'silent' else 'updated' end as kind
    from written w join changed c using (source_id)`);
  const ofKind = (kind: UpsertedRow['kind']): ChangedRecord[] =>
    written
      .filter((row) => row.kind === kind)
      .map((row) => ({ id: row.id, version: row.version, startsAt: new Date(row.starts_at) }));
  const created = ofKind('created');
  const updated = ofKind('updated');
  return { created, updated, unchanged: rows.length - created.length - updated.length };
}
