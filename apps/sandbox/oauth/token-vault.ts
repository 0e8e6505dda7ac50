import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { SANDBOX_PROVIDERS, type SandboxProvider } from '../providers';

/** What one user allowed one client at one provider. */
export interface Grant {
  readonly provider: SandboxProvider;
  readonly accountName: string;
  readonly clientId: string;
  scopes: readonly string[];
  revoked: boolean;
}

export interface Token {
  readonly value: string;
  readonly kind: 'access' | 'refresh';
  readonly grant: Grant;
  /** Infinity for refresh tokens. */
  expiresAtMs: number;
  dead: boolean;
}

const contentSchema = z.tuple([
  z.enum(['access', 'refresh']),
  z.enum(SANDBOX_PROVIDERS),
  z.string(),
  z.string(),
  z.string(),
  z.number(),
  z.number().nullable(),
]);

/**
 * All grants and tokens. A token tells its own grant under a MAC of the seed, so tokens from before a restart
 * of the sandbox still work, as they would at the real provider; after `forget` they do not.
 */
export class TokenVault {
  readonly #grants = new Map<string, Grant>();
  readonly #tokens = new Map<string, Token>();
  #serial = 0;
  #trustsOldTokens = true;

  constructor(
    private readonly seed: string,
    private readonly now: () => number,
  ) {}

  /** The one grant of (client, account), made when absent; the newly accepted scopes replace the old ones. */
  grant(provider: SandboxProvider, accountName: string, clientId: string, scopes: readonly string[]): Grant {
    const key = grantKey(provider, accountName, clientId);
    const present = this.#grants.get(key);
    if (present !== undefined && !present.revoked) {
      present.scopes = scopes;
      return present;
    }
    const made: Grant = { provider, accountName, clientId, scopes, revoked: false };
    this.#grants.set(key, made);
    return made;
  }

  findGrant(provider: SandboxProvider, accountName: string, clientId: string): Grant | undefined {
    const grant = this.#grants.get(grantKey(provider, accountName, clientId));
    return grant?.revoked === false ? grant : undefined;
  }

  /** Live grants of an account, over all clients. */
  grantsOf(provider: SandboxProvider, accountName: string): Grant[] {
    return [...this.#grants.values()].filter(
      (g) => !g.revoked && g.provider === provider && g.accountName === accountName,
    );
  }

  /** @param lifetimeMs null for a token that does not expire */
  issue(grant: Grant, kind: Token['kind'], prefix: string, lifetimeMs: number | null): Token {
    const expiresAtMs = lifetimeMs === null ? Number.POSITIVE_INFINITY : this.now() + lifetimeMs;
    const content: z.input<typeof contentSchema> = [
      kind,
      grant.provider,
      grant.accountName,
      grant.clientId,
      grant.scopes.join(' '),
      this.now() * 1000 + (this.#serial++ % 1000),
      lifetimeMs === null ? null : expiresAtMs,
    ];
    const text = Buffer.from(JSON.stringify(content)).toString('base64url');
    const token: Token = {
      value: `${prefix}${text}.${this.#mac(text)}`,
      kind,
      grant,
      expiresAtMs,
      dead: false,
    };
    this.#tokens.set(token.value, token);
    return token;
  }

  /** A usable token, or undefined when it is unknown, dead, expired or of a revoked grant. */
  find(value: string, kind: Token['kind']): Token | undefined {
    const token = this.#tokens.get(value) ?? this.#recall(value);
    if (token?.kind !== kind || token.dead || token.grant.revoked) return undefined;
    return token.expiresAtMs > this.now() ? token : undefined;
  }

  /** The newest usable token of a grant. */
  newest(grant: Grant, kind: Token['kind']): Token | undefined {
    const usable = [...this.#tokens.values()].filter(
      (t) => t.grant === grant && t.kind === kind && this.find(t.value, kind) !== undefined,
    );
    return usable.at(-1);
  }

  /** Every token of a provider (of one account) of these kinds stops working. Returns how many did. */
  kill(provider: SandboxProvider, kinds: readonly Token['kind'][], accountName?: string): number {
    let killed = 0;
    for (const token of this.#tokens.values()) {
      const { grant } = token;
      if (grant.provider !== provider || !kinds.includes(token.kind) || token.dead) continue;
      if (accountName !== undefined && grant.accountName !== accountName) continue;
      token.dead = true;
      killed += 1;
    }
    return killed;
  }

  countLive(): Record<string, number> {
    const live: Record<string, number> = {};
    for (const token of this.#tokens.values()) {
      if (this.find(token.value, token.kind) === undefined) continue;
      const key = `${token.grant.provider}/${token.kind}`;
      live[key] = (live[key] ?? 0) + 1;
    }
    return live;
  }

  forget(): void {
    this.#grants.clear();
    this.#tokens.clear();
    this.#trustsOldTokens = false;
  }

  #mac(text: string): string {
    return createHmac('sha256', this.seed).update(text).digest('base64url').slice(0, 22);
  }

  #recall(value: string): Token | undefined {
    const found = /([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{22})$/.exec(value);
    if (!this.#trustsOldTokens || found === null) return undefined;
    const text = TOKEN_PREFIXES.reduce((rest, p) => (value.startsWith(p) ? value.slice(p.length) : rest), '');
    const body = text.slice(0, -23);
    if (found[2] !== this.#mac(body)) return undefined;
    const [kind, provider, account, client, scopes, , expiry] = contentSchema.parse(
      JSON.parse(Buffer.from(body, 'base64url').toString()),
    );
    const grant =
      this.#grants.get(grantKey(provider, account, client)) ??
      this.grant(provider, account, client, scopes.split(' '));
    const token: Token = {
      value,
      kind,
      grant,
      expiresAtMs: expiry ?? Number.POSITIVE_INFINITY,
      dead: false,
    };
    this.#tokens.set(value, token);
    return token;
  }
}

/** How access and refresh tokens of the imitated providers begin. */
const TOKEN_PREFIXES = ['ya29.', '1//0', 'a4b', 'e5n'] as const;

const grantKey = (provider: string, account: string, client: string): string =>
  JSON.stringify([provider, account, client]);
