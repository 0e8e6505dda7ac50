import { startSandbox } from '../../apps/sandbox/server';
import { loadRuntimes, runtimeOf } from './runtime';
import { authorizationRequest, exchangeCode, refreshTokens, revokeTokens } from './oauth-client';
import { createProviderHttp } from './provider-http';
import { readWindow, draftFault } from './conformance';

test.each(['strava', 'google_health'] as const)('%s', async (id) => {
  const sandbox = await startSandbox({ port: 0, users: 2, days: 60 });
  const P = `PROVIDER_${id.toUpperCase()}`;
  const paths = id === 'strava'
    ? { AUTH_URL: '/oauth/authorize', TOKEN_URL: '/oauth/token', REVOKE_URL: '/oauth/revoke', BASE_URL: '/api/v3' }
    : { AUTH_URL: '/o/oauth2/v2/auth', TOKEN_URL: '/token', REVOKE_URL: '/revoke', BASE_URL: '' };
  const env: Record<string, string> = { [`${P}_CLIENT_ID`]: 'c1', [`${P}_CLIENT_SECRET`]: 'sandbox-secret' };
  const prefix = process.env[`ZZ_${id}`] ?? '';
  for (const [k, v] of Object.entries(paths)) env[`${P}_${k}`] = sandbox.url + prefix + v;
  const runtime = runtimeOf(loadRuntimes(env), id);
  const redirectUri = 'http://127.0.0.1:3999/cb';
  const { url, pkceVerifier } = await authorizationRequest(runtime, { redirectUri, state: 'st-1' });
  const page = await fetch(url);
  const html = await page.text();
  if (page.status !== 200) throw new Error(`${page.status} ${html.slice(0, 400)}`);
  const form = new URLSearchParams();
  for (const m of html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)) form.append(m[1]!, m[2]!.replaceAll('&amp;', '&'));
  for (const m of html.matchAll(/name="scope" value="([^"]+)"/g)) form.append('scope', m[1]!);
  form.set('account', 'user-1'); form.set('decision', 'allow');
  const action = /<form method="post" action="([^"]+)"/.exec(html)![1]!;
  const back = await fetch(new URL(action, url), { method: 'POST', body: form, redirect: 'manual' });
  const location = back.headers.get('location')!;
  const tokens = await exchangeCode(runtime, { callbackUrl: new URL(location), expectedState: 'st-1', redirectUri, pkceVerifier });
  process.stdout.write(JSON.stringify({ ...tokens, accessToken: 'x', refreshToken: tokens.refreshToken && 'x' }) + '\n');
  const fresh = await refreshTokens(runtime, tokens.refreshToken!);
  const http = createProviderHttp({ runtime, accessToken: fresh.accessToken });
  process.stdout.write(`account ${await runtime.connector.accountId(http, tokens.raw)}\n`);
  const to = new Date(); const from = new Date(to.getTime() - 90 * 86400_000);
  for (const stream of runtime.connector.streams) {
    const { records, tokens: asked } = await readWindow(stream, http, { from, to });
    process.stdout.write(`${id} ${stream.stream}: ${records.length} records, ${asked.length} pages ${JSON.stringify(records[0])}\n`);
    for (const d of records) expect(draftFault(stream, d, { from, to })).toBeNull();
    expect(new Set(records.map((r) => r.sourceId)).size).toBe(records.length);
  }
  await revokeTokens(runtime, { accessToken: fresh.accessToken, refreshToken: fresh.refreshToken ?? tokens.refreshToken });
  await expect(refreshTokens(runtime, fresh.refreshToken ?? tokens.refreshToken!)).rejects.toMatchObject({ code: 'reauth_required' });
  await expect(readWindow(runtime.connector.streams[0]!, http, { from, to })).rejects.toMatchObject({ code: 'token_rejected' });
  await revokeTokens(runtime, { accessToken: fresh.accessToken, refreshToken: fresh.refreshToken ?? tokens.refreshToken });
  await sandbox.close();
});
