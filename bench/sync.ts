import { sql } from 'drizzle-orm';
import { request } from 'undici';
import { accessContext } from '../activities/token-custody';
import { loadConfig } from '../libs/config/config';
import { loadRuntimes, runtimeOf } from '../libs/connectors/runtime';
import { Sealer } from '../libs/crypto/sealer';
import { closeDatabase, openDatabase, type Database } from '../libs/db/database';
import { createPartner } from '../scripts/cli/partner';
import { ApiCaller } from '../scripts/demo/api';
import { consent } from '../scripts/demo/consent';
import { createFreshDatabase, startStack, type Stack } from '../scripts/stack';
import { plainSync, type PlainAccount } from './plain-sync';

/**
 * `npm run bench:sync`: rows per second of the engine (Temporal, checkpoints, outbox) against a plain script that does
 * the same fetch, map and batched upsert, in one run on one machine. 200,000 weights over 8 accounts, 8 at a time in
 * both. The engine's time runs from the first run's start to the last run's finish by the database clock.
 */
const ACCOUNTS = 8;
const WEIGHTS_PER_ACCOUNT = 25_000;
const DAYS = 350;
const ROWS = ACCOUNTS * WEIGHTS_PER_ACCOUNT;
const TIMEOUT_MS = 600_000;

async function until(what: string, done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

/** Connects the accounts through the API while no worker runs, so that every sync waits for the same start. */
async function connectAccounts(stack: Stack): Promise<void> {
  const partner = await createPartner(stack.env, { appName: 'Bench' });
  const api = new ApiCaller(stack.urls.api, partner.apiKey);
  for (let n = 0; n < ACCOUNTS; n += 1) {
    const account = `bench-${n}`;
    await fetch(`${stack.urls.sandbox}/control/accounts/google_health/${account}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ days: DAYS, weights: WEIGHTS_PER_ACCOUNT, activities: 0, warm: true }),
    });
    const user = await api.post<{ id: string }>('/v1/users', { displayName: account });
    const { authorizationUrl } = await api.post<{ authorizationUrl: string }>(
      '/v1/integrations/google_health/connect',
      {
        userId: user.id,
      },
    );
    const answer = await consent(authorizationUrl, { account, decision: 'allow' });
    if (answer.status !== 200) throw new Error(`connect failed: ${JSON.stringify(answer.body)}`);
  }
}

async function plainAccounts(db: Database, sealer: Sealer): Promise<PlainAccount[]> {
  const rows = await db.execute<{ id: string; user_id: string; account_id: string; token: string }>(sql`
    select i.id, i.user_id, i.account_id, a.access_token_sealed as token
    from integrations i join provider_accounts a on a.id = i.account_id`);
  return rows.map((r) => ({
    integrationId: r.id,
    userId: r.user_id,
    accessToken: sealer.open(r.token, accessContext(r.account_id)),
  }));
}

/** How fast the sandbox alone serves the same pages: bytes are read and dropped. */
async function sandboxRowsPerSecond(stack: Stack, accounts: readonly PlainAccount[]): Promise<number> {
  const startedAt = performance.now();
  let rows = 0;
  await Promise.all(
    accounts.map(async ({ accessToken }) => {
      let pageToken = '';
      do {
        const query = new URLSearchParams({
          pageSize: '1000',
          dataSourceFamily: 'users/me/dataSourceFamilies/all-sources',
        });
        if (pageToken !== '') query.set('pageToken', pageToken);
        const { body } = await request(
          `${stack.urls.sandbox}/google-health/v4/users/me/dataTypes/weight/dataPoints:reconcile?${query}`,
          { headers: { authorization: `Bearer ${accessToken}` } },
        );
        const bytes = Buffer.from(await body.arrayBuffer());
        const tail = bytes.subarray(-400).toString('utf8');
        pageToken = /"nextPageToken":"([^"]+)"/.exec(tail)?.[1] ?? '';
        rows += 1000;
      } while (pageToken !== '' && rows < ROWS * 2);
    }),
  );
  return rows / ((performance.now() - startedAt) / 1000);
}

/** Lets the worker go and waits for every first run; rows per second by the database clock. */
async function engineRowsPerSecond(db: Database): Promise<number> {
  await until('the first syncs', async () => {
    const [row] = await db.execute<{ done: number }>(
      sql`select count(*)::int as done from sync_runs where outcome is not null and finished_at is not null`,
    );
    return row!.done >= ACCOUNTS;
  });
  const [row] = await db.execute<{ rows: number; seconds: string }>(sql`
    select (select count(*)::int from records) as rows,
      extract(epoch from max(finished_at) - min(started_at)) as seconds from sync_runs`);
  if (row!.rows !== ROWS) throw new Error(`the engine wrote ${row!.rows} rows, not ${ROWS}`);
  return row!.rows / Number(row!.seconds);
}

async function secondSync(db: Database): Promise<{ secondInserted: number; secondEvents: number }> {
  const count = async () => {
    const [row] = await db.execute<{ rows: number; events: number; changed: number }>(sql`
      select (select count(*)::int from records) as rows, (select count(*)::int from events) as events,
        (select count(*)::int from records where version > 1) as changed`);
    return row!;
  };
  const before = await count();
  await db.execute(sql`update integrations set next_sync_at = clock_timestamp()`);
  await until('the second syncs', async () => {
    const [row] = await db.execute<{ done: number }>(sql`
      select count(*)::int as done from (select integration_id from sync_runs where finished_at is not null
        group by integration_id having count(*) >= 2) t`);
    return row!.done >= ACCOUNTS;
  });
  const after = await count();
  return {
    secondInserted: after.rows - before.rows + after.changed,
    secondEvents: after.events - before.events,
  };
}

async function main(): Promise<void> {
  const stack = await startStack({ freshDatabase: 'diettracker_bench', worker: false });
  try {
    await connectAccounts(stack);
    const db = openDatabase(stack.env['DATABASE_URL']!, 4, 'bench');
    const plainUrl = await createFreshDatabase(
      stack.env as { DATABASE_URL: string },
      'diettracker_bench_plain',
    );
    const plainDb = openDatabase(plainUrl, ACCOUNTS, 'bench-plain');
    const sealer = new Sealer(loadConfig(stack.env).ENCRYPTION_KEYS);
    const accounts = await plainAccounts(db, sealer);
    const runtime = runtimeOf(loadRuntimes(stack.env), 'google_health');

    const sandbox = await sandboxRowsPerSecond(stack, accounts);
    const window = { from: new Date(Date.now() - 365 * 86_400_000), to: new Date() };
    const startedAt = performance.now();
    const plainRows = await plainSync(plainDb, runtime, accounts, window, ACCOUNTS);
    const plain = plainRows / ((performance.now() - startedAt) / 1000);
    if (plainRows !== ROWS) throw new Error(`the plain script wrote ${plainRows} rows, not ${ROWS}`);
    console.log(
      `plain script: ${Math.round(plain)} rows/s; the sandbox alone serves ${(sandbox / plain).toFixed(1)} × that`,
    );

    await stack.startWorker();
    const engine = await engineRowsPerSecond(db);
    const second = await secondSync(db);
    await closeDatabase(db);
    await closeDatabase(plainDb);
    const figures = {
      ratio: Number((engine / plain).toFixed(3)),
      rowsPerSecond: Math.round(engine),
      plainRowsPerSecond: Math.round(plain),
      sandboxToPlain: Number((sandbox / plain).toFixed(1)),
      ...second,
    };
    console.log(JSON.stringify({ bench: 'sync', figures }));
  } finally {
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
