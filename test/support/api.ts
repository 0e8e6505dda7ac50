import { createApp } from '../../apps/api/create-app';
import { closeResources, openResources, type Resources } from '../../apps/api/resources';
import { startSandbox, type Sandbox } from '../../apps/sandbox/server';
import { loadConfig, newEncryptionKeys } from '../../libs/config/config';
import { createApiKey } from '../../libs/db/principals.repo';
import { freePort } from '../../scripts/ports';
import { stackEnvironment } from '../../scripts/stack-env';
import { createTestDatabase, type TestDatabase } from './database';
import { createTestNamespace, type TestNamespace } from './temporal';

export interface Answer {
  status: number;
  headers: Headers;
  // A test reads whatever shape it expects; a wrong one fails its assertion.
  body: Record<string, unknown>;
}

export interface TestApi {
  url: string;
  database: TestDatabase;
  resources: Resources;
  sandbox: Sandbox;
  namespace: TestNamespace;
  /** `key` null: without credentials. A string body is sent as it is. */
  call(
    key: string | null,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer>;
  keyOf(appId: string, userId?: string): Promise<string>;
  close(): Promise<void>;
}

/**
 * The API over HTTP in this process, on a database and a Temporal namespace of its own, the sandbox as every provider.
 * `own` settings win, the addresses too.
 */
export async function startTestApi(own: Readonly<Record<string, string>> = {}): Promise<TestApi> {
  const [database, namespace, sandbox] = await Promise.all([
    createTestDatabase(),
    createTestNamespace(),
    startSandbox({ port: 0 }),
  ]);
  const env = stackEnvironment(
    {
      databaseUrl: database.url,
      temporalAddress: namespace.address,
      temporalNamespace: namespace.namespace,
      temporalUiUrl: null,
      apiPort: await freePort(),
      workerPort: 1,
      sandboxPort: Number(new URL(sandbox.url).port),
    },
    '',
    { NODE_ENV: 'test', LOG_LEVEL: 'error', ENCRYPTION_KEYS: newEncryptionKeys(), ...own },
  );
  const resources = openResources(loadConfig({ ...env, ...own }), env);
  const { app } = await createApp(resources);
  await app.listen(resources.config.API_PORT, '127.0.0.1');
  const url = resources.config.PUBLIC_URL;
  return {
    url,
    database,
    resources,
    sandbox,
    namespace,
    async call(key, method, path, body, headers = {}) {
      const response = await fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        headers: {
          ...(key === null ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text };
      return { status: response.status, headers: response.headers, body: parsed };
    },
    async keyOf(appId, userId) {
      return (await createApiKey(database.db, { appId, userId: userId ?? null, name: 'test' })).key;
    },
    async close() {
      await app.close();
      await closeResources(resources);
      await sandbox.close();
      await namespace.close();
      await database.drop();
    },
  };
}
