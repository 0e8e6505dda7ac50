import fastify from 'fastify';
import { Logger } from '../../libs/telemetry/logger';
import { type SandboxConfig, type SandboxOptions, sandboxOptionsSchema } from './config';
import type { SandboxContext, SandboxState } from './context';
import { controlPlugin } from './control/control.plugin';
import { FaultBox } from './faults';
import { googleHealthPlugin } from './google-health/google-health.plugin';
import { GoogleQuota } from './google-health/quota';
import { Subscribers } from './google-health/subscribers';
import { WebhookSigner } from './google-health/webhook-signer';
import { DAY_MS } from './local-time';
import { AuthorizationCodes } from './oauth/authorization-codes';
import { ClientRegistry } from './oauth/client-registry';
import { TokenVault } from './oauth/token-vault';
import { NotificationSender } from './outbound/notification-sender';
import { SANDBOX_PROVIDERS } from './providers';
import { Stats } from './stats';
import { Store } from './store';
import { PushSubscriptions } from './strava/push-subscriptions';
import { StravaRateLimit } from './strava/rate-limit';
import { stravaPlugin } from './strava/strava.plugin';

export interface Sandbox {
  /** Base URL without a slash at the end, e.g. `http://127.0.0.1:4000`. */
  url: string;
  close(): Promise<void>;
}

function createState(config: SandboxConfig, seed: string, now: () => number): SandboxState {
  const startOfTodayMs =
    config.today === undefined ? Math.floor(now() / DAY_MS) * DAY_MS : Date.parse(config.today);
  const store = new Store(seed, startOfTodayMs, now);
  const size = { days: config.days, weightsPerDay: config.weightsPerDay };
  for (const provider of SANDBOX_PROVIDERS)
    for (let user = 1; user <= config.users; user++) store.define(provider, `user-${user}`, size);
  return {
    store,
    vault: new TokenVault(seed, now),
    codes: new AuthorizationCodes(seed, now),
    clients: new ClientRegistry(config.clientSecret),
    faults: new FaultBox(),
    stats: new Stats(),
    stravaRateLimit: new StravaRateLimit(config.stravaLimits, now),
    stravaSubscriptions: new PushSubscriptions(),
    googleQuota: new GoogleQuota(config.googleLimitPerMinute, now),
    googleSubscribers: new Subscribers(),
    googleSigner: new WebhookSigner(),
  };
}

export interface SandboxParts {
  /** A clock for tests; by default the system's. */
  now?: () => number;
  /** By default warnings and errors on standard output. */
  log?: Logger;
}

/** Starts one sandbox with every provider on one port; `port: 0` takes a free one. */
export const startSandbox = (options: SandboxOptions = {}, parts: SandboxParts = {}): Promise<Sandbox> =>
  startConfiguredSandbox(sandboxOptionsSchema.parse(options), parts);

export async function startConfiguredSandbox(config: SandboxConfig, parts: SandboxParts): Promise<Sandbox> {
  const now = parts.now ?? Date.now;
  const log = parts.log ?? new Logger('sandbox', 'warn');
  const state = createState(config, config.seed, now);
  const context: SandboxContext = {
    ...state,
    config,
    log,
    now,
    sender: new NotificationSender(state, config.notifyRetryMs, log),
  };
  const reset = (seed: string): void => {
    const fresh = createState(config, seed, now);
    fresh.vault.forget();
    // The sender keeps its reference to `state`, every handler its reference to `context`.
    Object.assign(state, fresh);
    Object.assign(context, fresh);
  };

  const app = fastify({ logger: false, forceCloseConnections: true, bodyLimit: 1_048_576 });
  await app.register((scope) => stravaPlugin(scope, context));
  await app.register((scope) => googleHealthPlugin(scope, context));
  await app.register((scope) => controlPlugin(scope, context, reset));
  const url = await app.listen({ host: config.host, port: config.port });
  return {
    url,
    async close() {
      context.sender.close();
      await app.close();
    },
  };
}
