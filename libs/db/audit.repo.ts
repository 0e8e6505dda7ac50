import type { Executor } from './database';
import type { Principal } from './principals.repo';
import { auditLog } from './schema/webhooks';

interface AuditEntry {
  /** `key:<id>`, `temporal:<identity>` or `system`. */
  actor: string;
  /** `<noun>.<past>`, e.g. `endpoint.paused`. */
  action: string;
  /** The id of what was changed. */
  subject: string;
  /** Never secrets or health values. */
  details?: Readonly<Record<string, unknown>>;
}

/** The actor of what a caller of the API does. */
export const keyActor = ({ keyId }: Principal): string => `key:${keyId}`;

/** Writes down who did what to whom, in the transaction that does it. */
export async function audit(tx: Executor, entry: AuditEntry): Promise<void> {
  await tx.insert(auditLog).values({ ...entry, details: entry.details ?? {} });
}
