import type { SandboxProvider } from './providers';

/** Counts kept for tests and benches; nothing here changes an answer. */
export class Stats {
  readonly requests: Record<string, Record<string, number>> = {};
  readonly refreshes: Record<string, number> = {};
  readonly revocations: Record<string, number> = {};
  /** 429 answers by provider, injected ones included. */
  readonly rateLimited: Record<string, number> = {};
  /** Requests that came although the limit was used up. */
  readonly overruns: Record<string, number> = {};
  readonly notifications = { queued: 0, attempts: 0, acknowledged: 0, lost: 0 };

  snapshot(): Record<string, unknown> {
    const { requests, refreshes, revocations, rateLimited, overruns, notifications } = this;
    return { requests, refreshes, revocations, rateLimited, overruns, notifications };
  }

  countRequest(provider: SandboxProvider, route: string): void {
    const routes = (this.requests[provider] ??= {});
    routes[route] = (routes[route] ?? 0) + 1;
  }

  countRefresh(provider: SandboxProvider, account: string): void {
    const key = `${provider}/${account}`;
    this.refreshes[key] = (this.refreshes[key] ?? 0) + 1;
  }

  countRevocation(provider: SandboxProvider, account: string): void {
    const key = `${provider}/${account}`;
    this.revocations[key] = (this.revocations[key] ?? 0) + 1;
  }

  countRateLimited(provider: SandboxProvider): void {
    this.rateLimited[provider] = (this.rateLimited[provider] ?? 0) + 1;
  }

  countOverrun(provider: SandboxProvider): void {
    this.overruns[provider] = (this.overruns[provider] ?? 0) + 1;
  }
}
