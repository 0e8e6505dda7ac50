import { createProviderHttp } from '../libs/connectors/provider-http';
import type { ProviderRuntime } from '../libs/connectors/runtime';
import type { Database } from '../libs/db/database';
import { upsertRecords } from '../libs/db/records.repo';

export interface PlainAccount {
  integrationId: string;
  userId: string;
  accessToken: string;
}

/**
 * What the engine is measured against: the same fetch, the same mapping, the same batched upsert into the same table
 * with the same indexes; no Temporal, no cursor, no guard, no outbox, no transaction over several statements.
 * Returns the rows written.
 */
export async function plainSync(
  db: Database,
  runtime: ProviderRuntime,
  accounts: readonly PlainAccount[],
  window: { from: Date; to: Date },
  concurrency: number,
): Promise<number> {
  const queue = [...accounts];
  let rows = 0;
  const source = runtime.connector.streams.find((s) => s.stream === 'weight')!;
  const reader = async (): Promise<void> => {
    for (let account = queue.shift(); account; account = queue.shift()) {
      const http = createProviderHttp({
        runtime,
        accessToken: account.accessToken,
        signal: new AbortController().signal,
      });
      let pageToken: string | null = null;
      do {
        const page = await source.fetchPage(http, { ...window, pageToken });
        const owner = { ...account, provider: runtime.connector.id };
        const result = await upsertRecords(db, owner, 'weight', page.records, new Date().toISOString());
        rows += result.created.length;
        pageToken = page.next;
      } while (pageToken !== null);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, reader));
  return rows;
}
