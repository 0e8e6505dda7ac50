import type { SandboxProvider } from '../providers';

/** Accepts any client id. Its secret is the fixed one, or else the first one seen for that client. */
export class ClientRegistry {
  readonly #secrets = new Map<string, string>();

  /** @param fixedSecret empty to remember each client's first secret instead */
  constructor(private readonly fixedSecret: string) {}

  isValid(provider: SandboxProvider, clientId: string, clientSecret: string): boolean {
    if (clientId === '' || clientSecret === '') return false;
    if (this.fixedSecret !== '') return clientSecret === this.fixedSecret;
    const key = `${provider}/${clientId}`;
    const known = this.#secrets.get(key);
    if (known === undefined) this.#secrets.set(key, clientSecret);
    return known === undefined || known === clientSecret;
  }

  /** The secret that signs Strava's events. */
  secretOf(provider: SandboxProvider, clientId: string): string {
    return this.fixedSecret !== '' ? this.fixedSecret : (this.#secrets.get(`${provider}/${clientId}`) ?? '');
  }

  forget(): void {
    this.#secrets.clear();
  }
}

/** Reads `Authorization: Basic`, RFC 6749 §2.3.1 (both parts form-encoded). Null when absent or broken. */
export function readBasicAuth(header: string | undefined): { id: string; secret: string } | null {
  const match = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '');
  if (match?.[1] === undefined) return null;
  const text = Buffer.from(match[1], 'base64').toString();
  const at = text.indexOf(':');
  if (at < 0) return null;
  const decode = (part: string) => new URLSearchParams(`v=${part.replaceAll('&', '%26')}`).get('v') ?? '';
  return { id: decode(text.slice(0, at)), secret: decode(text.slice(at + 1)) };
}
