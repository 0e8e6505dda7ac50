import { createHash } from 'node:crypto';
import type { SandboxProvider } from '../providers';

export interface HttpAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; null when it is none. */
  json: Record<string, unknown>;
}

export const CLIENT = { client_id: 'client-1', client_secret: 'sandbox-secret' } as const;
const REDIRECT_URI = 'http://127.0.0.1:9/callback';
const CODE_VERIFIER = 'v'.repeat(64);

export const GOOGLE_SCOPES = [
  'https://www.googleapis.com/auth/googlehealth.health_metrics_and_measurements.readonly',
  'https://www.googleapis.com/auth/googlehealth.activity_and_fitness.readonly',
] as const;
const STRAVA_SCOPES = ['read', 'activity:read_all', 'profile:read_all'] as const;

const asJson = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
};

/** What a product does at the sandbox, in as few words as tests need. */
export class SandboxClient {
  constructor(readonly url: string) {}

  async call(method: string, path: string, init: RequestInit = {}): Promise<HttpAnswer> {
    const response = await fetch(`${this.url}${path}`, { method, redirect: 'manual', ...init });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: asJson(text) };
  }

  get = (path: string, token?: string): Promise<HttpAnswer> =>
    this.call('GET', path, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });

  form = (path: string, fields: Record<string, string>, headers = {}): Promise<HttpAnswer> =>
    this.call('POST', path, { body: new URLSearchParams(fields), headers });

  send = (method: string, path: string, body: unknown, headers = {}): Promise<HttpAnswer> =>
    this.call(method, path, {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });

  control = (method: string, path: string, body?: unknown): Promise<HttpAnswer> =>
    body === undefined ? this.call(method, `/control${path}`) : this.send(method, `/control${path}`, body);

  arm = (fault: Record<string, unknown>): Promise<HttpAnswer> => this.control('POST', '/faults', fault);

  /** Walks the consent page and answers the redirect's parameters. */
  async consent(
    provider: SandboxProvider,
    options: {
      account?: string;
      tick?: readonly string[];
      decision?: 'allow' | 'deny';
      params?: Record<string, string>;
    } = {},
  ): Promise<URLSearchParams> {
    const isStrava = provider === 'strava';
    const path = isStrava ? '/strava/oauth/authorize' : '/google-health/o/oauth2/v2/auth';
    const scopes: readonly string[] = isStrava ? STRAVA_SCOPES : GOOGLE_SCOPES;
    const query = new URLSearchParams({
      client_id: CLIENT.client_id,
      redirect_uri: REDIRECT_URI,
      response_type: 'code',
      scope: scopes.join(isStrava ? ',' : ' '),
      state: 'st&te',
      ...(isStrava ? {} : pkce()),
      ...options.params,
    });
    const page = await this.get(`${path}?${query}`);
    const form = new URLSearchParams();
    for (const [, name = '', value = ''] of page.text.matchAll(
      /type="hidden" name="([^"]+)" value="([^"]*)"/g,
    ))
      form.append(name, value.replaceAll('&amp;', '&'));
    for (const scope of options.tick ?? scopes) form.append('scope', scope);
    form.append('account', options.account ?? 'user-1');
    form.append('decision', options.decision ?? 'allow');
    const redirect = await this.call('POST', path, { body: form });
    return new URL(redirect.headers.get('location') ?? 'http://none.invalid/').searchParams;
  }

  exchange(
    provider: SandboxProvider,
    code: string,
    fields: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    const own: Record<string, string> =
      provider === 'strava' ? {} : { redirect_uri: REDIRECT_URI, code_verifier: CODE_VERIFIER };
    return this.form(tokenPath(provider), {
      ...CLIENT,
      grant_type: 'authorization_code',
      code,
      ...own,
      ...fields,
    });
  }

  refresh = (provider: SandboxProvider, refreshToken: string): Promise<HttpAnswer> =>
    this.form(tokenPath(provider), { ...CLIENT, grant_type: 'refresh_token', refresh_token: refreshToken });

  /** A whole connection; both tokens as text. */
  async connect(
    provider: SandboxProvider,
    options: Parameters<SandboxClient['consent']>[1] = {},
  ): Promise<{ access: string; refresh: string }> {
    const code = (await this.consent(provider, options)).get('code') ?? '';
    const { json } = await this.exchange(provider, code);
    return { access: String(json['access_token']), refresh: String(json['refresh_token']) };
  }
}

const tokenPath = (provider: SandboxProvider): string =>
  provider === 'strava' ? '/strava/oauth/token' : '/google-health/token';

const pkce = (): Record<string, string> => ({
  code_challenge: createHash('sha256').update(CODE_VERIFIER).digest('base64url'),
  code_challenge_method: 'S256',
  access_type: 'offline',
  prompt: 'consent',
});
