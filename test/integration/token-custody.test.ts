import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sql } from 'drizzle-orm';
import { SyncStreamActivities } from '../../activities/sync-stream.activities';
import { accessContext, refreshContext, TokenCustody } from '../../activities/token-custody';
import { loadConfig, newEncryptionKeys } from '../../libs/config/config';
import { loadRuntimes } from '../../libs/connectors/runtime';
import { Sealer } from '../../libs/crypto/sealer';
import { takeRefreshLease } from '../../libs/db/provider-accounts.repo';
import { Logger } from '../../libs/telemetry/logger';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { anyIntegration, anyUser } from '../support/fixtures';

/** A token endpoint: answers with whatever the test sets, and counts. */
interface TokenEndpoint {
  url: string;
  calls: string[];
  answer: (refreshToken: string) => { status: number; body: object };
  server: Server;
}

async function startTokenEndpoint(): Promise<TokenEndpoint> {
  const endpoint: TokenEndpoint = {
    url: '',
    calls: [],
    answer: () => ({ status: 200, body: { access_token: 'fresh', token_type: 'Bearer', expires_in: 3600 } }),
    server: createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const refreshToken = new URLSearchParams(text).get('refresh_token') ?? '';
        endpoint.calls.push(refreshToken);
        const { status, body } = endpoint.answer(refreshToken);
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      });
    }),
  };
  await new Promise<void>((resolve) => endpoint.server.listen(0, '127.0.0.1', resolve));
  endpoint.url = `http://127.0.0.1:${(endpoint.server.address() as AddressInfo).port}`;
  return endpoint;
}

let t: TestDatabase;
let endpoint: TokenEndpoint;
let custody: TokenCustody;
let activities: SyncStreamActivities;
let sealer: Sealer;

beforeAll(async () => {
  t = await createTestDatabase();
  endpoint = await startTokenEndpoint();
  const keys = newEncryptionKeys();
  sealer = new Sealer(loadConfig({ DATABASE_URL: t.url, ENCRYPTION_KEYS: keys }).ENCRYPTION_KEYS);
  const runtimes = loadRuntimes({
    PROVIDER_GOOGLE_HEALTH_CLIENT_ID: 'c',
    PROVIDER_GOOGLE_HEALTH_CLIENT_SECRET: 's',
    PROVIDER_GOOGLE_HEALTH_TOKEN_URL: `${endpoint.url}/token`,
    PROVIDER_GOOGLE_HEALTH_REVOKE_URL: `${endpoint.url}/revoke`,
  });
  const logger = new Logger('test', 'error');
  custody = new TokenCustody(t.db, sealer, runtimes, logger);
  activities = new SyncStreamActivities(t.db, runtimes, sealer, custody, logger);
});
beforeEach(() => {
  endpoint.calls = [];
  endpoint.answer = () => ({
    status: 200,
    body: { access_token: 'fresh', token_type: 'Bearer', expires_in: 3600 },
  });
});
afterAll(async () => {
  endpoint.server.closeAllConnections();
  await new Promise((resolve) => endpoint.server.close(resolve));
  await t.drop();
});

async function anyAccount(
  accessExpiresAt: Date,
): Promise<{ accountId: string; integrationId: string; userId: string }> {
  const userId = await anyUser(t.db);
  const { accountId, integrationId } = await anyIntegration(t.db, userId, 'google_health', {
    account: { accessExpiresAt },
  });
  await t.db.execute(sql`
    update provider_accounts set access_token_sealed = ${sealer.seal('old', accessContext(accountId))},
      refresh_token_sealed = ${sealer.seal('refresh-1', refreshContext(accountId))} where id = ${accountId}`);
  return { accountId, integrationId, userId };
}

const expired = (): Date => new Date(Date.now() - 1000);

test('100 concurrent calls that need a token make exactly one refresh', async () => {
  const { accountId } = await anyAccount(expired());
  const tokens = await Promise.all(Array.from({ length: 100 }, () => custody.accessToken(accountId)));
  expect(new Set(tokens.map((token) => token.token))).toEqual(new Set(['fresh']));
  expect(endpoint.calls).toEqual(['refresh-1']);
});

test('a live token is used as it is', async () => {
  const { accountId } = await anyAccount(new Date(Date.now() + 600_000));
  expect((await custody.accessToken(accountId)).token).toBe('old');
  expect(endpoint.calls).toEqual([]);
});

test('a token the provider refused is refreshed although it should be alive', async () => {
  const { accountId } = await anyAccount(new Date(Date.now() + 600_000));
  const { version } = await custody.accessToken(accountId);
  expect((await custody.accessToken(accountId, version)).token).toBe('fresh');
});

test('an answer without a refresh token keeps the old one', async () => {
  const { accountId } = await anyAccount(expired());
  const { version } = await custody.accessToken(accountId);
  await custody.accessToken(accountId, version);
  expect(endpoint.calls).toEqual(['refresh-1', 'refresh-1']);
});

test('a rotated refresh token replaces the old one before it is used', async () => {
  const { accountId } = await anyAccount(expired());
  endpoint.answer = () => ({
    status: 200,
    body: { access_token: 'a2', token_type: 'Bearer', expires_in: 3600, refresh_token: 'refresh-2' },
  });
  const { version } = await custody.accessToken(accountId);
  await custody.accessToken(accountId, version);
  expect(endpoint.calls).toEqual(['refresh-1', 'refresh-2']);
});

test('invalid_grant moves the integration to needs_reauth and says so once', async () => {
  const { accountId, integrationId } = await anyAccount(expired());
  endpoint.answer = () => ({
    status: 400,
    body: { error: 'invalid_grant', error_description: 'Bad Request' },
  });
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => custody.accessToken(accountId)));
  expect(
    results.every(
      (r) => r.status === 'rejected' && (r.reason as { code: string }).code === 'reauth_required',
    ),
  ).toBe(true);
  const [integration] = await t.db.execute(
    sql`select status, status_reason from integrations where id = ${integrationId}`,
  );
  expect(integration).toEqual({ status: 'needs_reauth', status_reason: 'reauth_required' });
  const events = await t.db.execute(sql`select type from events where integration_id = ${integrationId}`);
  expect(events.map((e) => e['type'])).toEqual(['integration.needs_reauth']);
});

test('a server error of the provider is no reason to disconnect anybody', async () => {
  const { accountId, integrationId } = await anyAccount(expired());
  endpoint.answer = () => ({ status: 503, body: { error: 'busy' } });
  await expect(custody.accessToken(accountId)).rejects.toMatchObject({ code: 'provider_unavailable' });
  endpoint.answer = () => ({ status: 401, body: { error: 'invalid_client' } });
  await expect(custody.accessToken(accountId)).rejects.toMatchObject({ code: 'provider_client_invalid' });
  const [integration] = await t.db.execute(sql`select status from integrations where id = ${integrationId}`);
  expect(integration).toEqual({ status: 'active' });
  endpoint.answer = () => ({
    status: 200,
    body: { access_token: 'again', token_type: 'Bearer', expires_in: 3600 },
  });
  expect((await custody.accessToken(accountId)).token).toBe('again');
});

test('a refresher that died leaves a lease that ends; the old token is tried once more', async () => {
  const { accountId } = await anyAccount(expired());
  await takeRefreshLease(t.db, accountId, {
    version: 1,
    owner: 'dead',
    leaseMs: 1,
    afterUnknownOutcome: false,
  });
  expect((await custody.accessToken(accountId)).token).toBe('fresh');
  expect(endpoint.calls).toEqual(['refresh-1']);
});

describe('revoking access', () => {
  const tokenOf = async (accountId: string): Promise<unknown> => {
    const [row] = await t.db.execute(
      sql`select access_token_sealed as token from provider_accounts where id = ${accountId}`,
    );
    return row!['token'];
  };
  const disconnect = (integrationId: string) =>
    t.db.execute(sql`update integrations set status = 'disconnected' where id = ${integrationId}`);

  test('forgets the tokens, also when the provider refuses for good', async () => {
    for (const [status, revoked] of [
      [200, true],
      [404, false],
    ] as const) {
      const { accountId, integrationId } = await anyAccount(new Date(Date.now() + 600_000));
      await disconnect(integrationId);
      endpoint.answer = () => ({ status, body: {} });
      expect(await activities.revokeAccess({ integrationId })).toEqual({ revoked });
      expect(await tokenOf(accountId)).toBeNull();
    }
  });

  test('keeps them while the provider is away, so that asking again can help', async () => {
    const { accountId, integrationId } = await anyAccount(new Date(Date.now() + 600_000));
    await disconnect(integrationId);
    endpoint.answer = () => ({ status: 503, body: {} });
    await expect(activities.revokeAccess({ integrationId })).rejects.toMatchObject({
      code: 'provider_unavailable',
    });
    expect(await tokenOf(accountId)).not.toBeNull();
  });

  test('leaves an account alone that another integration uses', async () => {
    const { accountId, integrationId } = await anyAccount(new Date(Date.now() + 600_000));
    await disconnect(integrationId);
    const other = await anyIntegration(t.db, await anyUser(t.db), 'google_health');
    await t.db.execute(
      sql`update integrations set account_id = ${accountId} where id = ${other.integrationId}`,
    );
    expect(await activities.revokeAccess({ integrationId })).toEqual({ revoked: false });
    expect(await tokenOf(accountId)).not.toBeNull();
    expect(endpoint.calls).toEqual([]);
  });
});
