import { createHash, createHmac } from 'node:crypto';
import type { SandboxProvider } from '../providers';

const CODE_LIFETIME_MS = 5 * 60_000;

export interface CodeContent {
  provider: SandboxProvider;
  accountName: string;
  clientId: string;
  redirectUri: string;
  scopes: readonly string[];
  codeChallenge: string | undefined;
  wantsRefreshToken: boolean;
}

/** Authorization codes: single use, five minutes. */
export class AuthorizationCodes {
  readonly #codes = new Map<string, CodeContent & { expiresAtMs: number }>();
  #serial = 0;

  constructor(
    private readonly seed: string,
    private readonly now: () => number,
  ) {}

  issue(content: CodeContent): string {
    const code = createHmac('sha256', this.seed)
      .update(`code ${this.#serial++} ${this.now()}`)
      .digest('hex')
      .slice(0, 40);
    this.#codes.set(code, { ...content, expiresAtMs: this.now() + CODE_LIFETIME_MS });
    return code;
  }

  /** Uses the code up. Undefined when it is unknown, used, expired or of another provider. */
  redeem(provider: SandboxProvider, code: string): CodeContent | undefined {
    const content = this.#codes.get(code);
    this.#codes.delete(code);
    if (content === undefined || content.provider !== provider) return undefined;
    return content.expiresAtMs > this.now() ? content : undefined;
  }

  forget(): void {
    this.#codes.clear();
  }
}

/** PKCE S256, RFC 7636 §4.6. */
export const matchesChallenge = (challenge: string, verifier: string): boolean =>
  createHash('sha256').update(verifier).digest('base64url') === challenge;
