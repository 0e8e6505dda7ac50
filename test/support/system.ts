import { ApiCaller } from '../../scripts/demo/api';
import { consent, type CallbackAnswer, type ConsentChoice } from '../../scripts/demo/consent';
import { createPartner } from '../../scripts/cli/partner';
import { createTestDatabase, type TestDatabase } from './database';
import { startTestProcess, systemEnvironment, type TestProcess } from './processes';
import { createTestNamespace, type TestNamespace } from './temporal';
import { waitUntil } from './wait-until';

export interface IntegrationView {
  id: string;
  status: string;
  reason: string | null;
  provider: string;
  streams: { stream: string; status: string; lastErrorCode: string | null }[];
}

export interface RunView {
  id: string;
  outcome: string | null;
  finishedAt: string | null;
  streams: {
    stream: string;
    pages: number;
    inserted: number;
    updated: number;
    unchanged: number;
    errorCode: string | null;
  }[];
}

/** The product as it is deployed: api and worker processes from `dist/`, the sandbox, a database and a namespace. */
export interface System {
  env: Record<string, string>;
  database: TestDatabase;
  temporal: TestNamespace;
  sandboxUrl: string;
  apiUrl: string;
  worker: TestProcess | null;
  /** A caller with the key of a partner of its own. */
  partner(name: string): Promise<{ appId: string; api: ApiCaller }>;
  control(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  startWorker(): Promise<TestProcess>;
  stop(): Promise<void>;
}

export async function startSystem(
  options: { env?: Readonly<Record<string, string>>; worker?: boolean } = {},
): Promise<System> {
  const database = await createTestDatabase();
  const temporal = await createTestNamespace();
  const env = await systemEnvironment(
    { databaseUrl: database.url, temporalAddress: temporal.address, temporalNamespace: temporal.namespace },
    { PROVIDER_STRAVA_POLICY_PERMISSION: 'true', LOG_LEVEL: 'warn', ...options.env },
  );
  const [sandbox, api] = await Promise.all([startTestProcess('sandbox', env), startTestProcess('api', env)]);
  const system: System = {
    env,
    database,
    temporal,
    sandboxUrl: sandbox.url,
    apiUrl: api.url,
    worker: null,
    partner: async (name) => {
      const { appId, apiKey } = await createPartner(env, { appName: name });
      return { appId, api: new ApiCaller(api.url, apiKey) };
    },
    control: async (method, path, body) => {
      const response = await fetch(`${sandbox.url}/control${path}`, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok)
        throw new Error(`sandbox control ${method} ${path} answered ${response.status}: ${text}`);
      return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    },
    startWorker: async () => {
      system.worker = await startTestProcess('worker', env);
      return system.worker;
    },
    stop: async () => {
      await system.worker?.stop();
      await Promise.all([api.stop(), sandbox.stop()]);
      await temporal.close();
      await database.drop();
    },
  };
  if (options.worker !== false) await system.startWorker();
  return system;
}

/** Connects a user to a sandbox account through the consent page. */
export async function connect(
  api: ApiCaller,
  userId: string,
  provider: string,
  choice: ConsentChoice,
): Promise<{ integrationId: string; callback: CallbackAnswer }> {
  const started = await api.post<{ integrationId: string; authorizationUrl: string }>(
    `/v1/integrations/${provider}/connect`,
    { userId },
  );
  const callback = await consent(started.authorizationUrl, choice);
  return { integrationId: started.integrationId, callback };
}

/** The first finished run of an integration that is not in `known`. */
export const finishedRun = (
  api: ApiCaller,
  integrationId: string,
  known: readonly string[] = [],
  timeoutMs = 60_000,
): Promise<RunView> =>
  waitUntil(
    async () => {
      const { data } = await api.get<{ data: RunView[] }>(`/v1/runs?integrationId=${integrationId}`);
      return data.find((run) => run.finishedAt !== null && run.outcome !== null && !known.includes(run.id));
    },
    { what: `a finished run of ${integrationId}`, timeoutMs },
  );
