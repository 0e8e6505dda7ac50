import postgres from 'postgres';
import { ApiCaller } from './demo/api';
import { consent } from './demo/consent';
import { startReceiver, type Receiver } from './demo/receiver';
import { startStack, type Stack } from './stack';
import { createPartner } from './cli/partner';

/** How much history the demo's sandbox accounts hold. */
const SANDBOX_DATA = { days: 60, weights: 2500, activities: 40 };
const PROVIDERS = ['strava', 'google_health'] as const;
const FIRST_SYNC_TIMEOUT_S = 120;

interface Integration {
  id: string;
  provider: string;
  status: string;
}
interface RunStream {
  pages: number;
  inserted: number;
  updated: number;
  unchanged: number;
}
interface Run {
  id: string;
  outcome: string | null;
  finishedAt: string | null;
  streams: RunStream[];
}

const sum = (runs: readonly Run[], key: keyof RunStream): number =>
  runs.flatMap((run) => run.streams).reduce((total, stream) => total + stream[key], 0);

async function until<T>(what: string, probe: () => Promise<T | null>, timeoutMs: number): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function connectAll(api: ApiCaller, stack: Stack, userId: string): Promise<Integration[]> {
  const integrations: Integration[] = [];
  for (const provider of PROVIDERS) {
    const account = `demo-${provider}`;
    await fetch(`${stack.urls.sandbox}/control/accounts/${provider}/${account}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(SANDBOX_DATA),
    });
    const started = await api.post<{ integrationId: string; authorizationUrl: string }>(
      `/v1/integrations/${provider}/connect`,
      { userId },
    );
    const callback = await consent(started.authorizationUrl, { account, decision: 'allow' });
    if (callback.status !== 200)
      throw new Error(`connecting ${provider} failed: ${JSON.stringify(callback.body)}`);
    integrations.push(await api.get<Integration>(`/v1/integrations/${started.integrationId}`));
  }
  return integrations;
}

/** The newest finished run of each integration. */
function newestRuns(
  api: ApiCaller,
  integrations: readonly Integration[],
  notIn: ReadonlySet<string>,
): Promise<Run[]> {
  return Promise.all(
    integrations.map(({ id, provider }) =>
      until(
        `the sync of ${provider}`,
        async () => {
          const { data } = await api.get<{ data: Run[] }>(`/v1/runs?integrationId=${id}`);
          return (
            data.find((run) => run.finishedAt !== null && run.outcome !== null && !notIn.has(run.id)) ?? null
          );
        },
        FIRST_SYNC_TIMEOUT_S * 1000,
      ),
    ),
  );
}

async function countDeliveries(stack: Stack, userId: string): Promise<{ all: number; delivered: number }> {
  const sql = postgres(stack.env['DATABASE_URL']!, { max: 1 });
  try {
    const [row] = await sql<{ all: number; delivered: number }[]>`
      select count(*)::int as all, count(*) filter (where status = 'delivered')::int as delivered
      from deliveries where user_id = ${userId}`;
    return row!;
  } finally {
    await sql.end();
  }
}

function printTable(title: string, rows: readonly (readonly [string, string | number])[]): void {
  const width = Math.max(...rows.map(([label]) => label.length));
  console.log(`\n${title}`);
  for (const [label, value] of rows) console.log(`  ${label.padEnd(width)}  ${value}`);
}

async function runDemo(stack: Stack, receiver: Receiver): Promise<void> {
  const partner = await createPartner(stack.env, { appName: 'Demo Partner' });
  const api = new ApiCaller(stack.urls.api, partner.apiKey);
  const endpoint = await api.post<{ id: string; secret: string }>('/v1/webhooks/endpoints', {
    url: receiver.url,
  });
  receiver.useSecret(endpoint.secret);
  const user = await api.post<{ id: string }>('/v1/users', { displayName: 'Demo User' });

  console.log('· connecting the demo user through the sandbox consent pages …');
  const integrations = await connectAll(api, stack, user.id);
  console.log('· first sync …');
  const first = await newestRuns(api, integrations, new Set());
  console.log('· second sync: nothing changed at the providers …');
  for (const { provider } of integrations) {
    await api.post(`/v1/integrations/${provider}`, { userId: user.id }, { prefer: 'wait=60' });
  }
  const second = await newestRuns(api, integrations, new Set(first.map((run) => run.id)));
  const deliveries = await until(
    'the webhooks',
    async () => {
      const counts = await countDeliveries(stack, user.id);
      return counts.all === counts.delivered && receiver.delivered() >= counts.all ? counts : null;
    },
    60_000,
  );

  printTable('DietTracker Integrations: what just happened, on real parts', [
    [
      'integrations connected',
      `${integrations.length} (${integrations.map((i) => `${i.provider}: ${i.status}`).join(', ')})`,
    ],
    ['pages read', sum(first, 'pages')],
    ['rows inserted', sum(first, 'inserted')],
    ['second sync: inserted', sum(second, 'inserted')],
    ['second sync: updated', sum(second, 'updated')],
    ['second sync: unchanged', sum(second, 'unchanged')],
    ['webhooks delivered', `${deliveries.delivered} of ${deliveries.all}`],
    ['  verified by the standardwebhooks library', receiver.verified()],
    ['  by type', [...receiver.types()].map(([type, n]) => `${type} × ${n}`).join(', ')],
  ]);
  printTable('URLs (while it runs; `npm start` leaves everything running)', [
    ['API documentation', `${stack.urls.api}/docs`],
    ['Temporal UI', stack.urls.temporalUi],
    ['sandbox', stack.urls.sandbox],
  ]);
  const figures = {
    integrations: integrations.length,
    pages: sum(first, 'pages'),
    inserted: sum(first, 'inserted'),
    secondInserted: sum(second, 'inserted'),
    secondUpdated: sum(second, 'updated'),
    webhooksDelivered: deliveries.delivered,
    webhooksVerified: receiver.verified(),
  };
  console.log(`\n${JSON.stringify({ demo: 'main', figures })}`);
}

async function main(): Promise<void> {
  console.log(
    'The demo sets PROVIDER_STRAVA_POLICY_PERMISSION=true: without a written permission of Strava its records reach the user only,\n' +
      'no partner and no webhook, and are kept for seven days. The default is off.',
  );
  process.env['PROVIDER_STRAVA_POLICY_PERMISSION'] ??= 'true';
  const stack = await startStack({ freshDatabase: 'diettracker_demo' });
  const receiver = await startReceiver();
  try {
    await runDemo(stack, receiver);
  } finally {
    await receiver.close();
    await stack.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
