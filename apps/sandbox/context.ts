import type { Logger } from '../../libs/telemetry/logger';
import type { SandboxConfig } from './config';
import type { FaultBox } from './faults';
import type { GoogleQuota } from './google-health/quota';
import type { Subscribers } from './google-health/subscribers';
import type { WebhookSigner } from './google-health/webhook-signer';
import type { AuthorizationCodes } from './oauth/authorization-codes';
import type { ClientRegistry } from './oauth/client-registry';
import type { TokenVault } from './oauth/token-vault';
import type { NotificationSender } from './outbound/notification-sender';
import type { Stats } from './stats';
import type { Store } from './store';
import type { PushSubscriptions } from './strava/push-subscriptions';
import type { StravaRateLimit } from './strava/rate-limit';

/** The state of one sandbox. The control API's reset replaces all of it but `config`, `log` and `now`. */
export interface SandboxState {
  store: Store;
  vault: TokenVault;
  codes: AuthorizationCodes;
  clients: ClientRegistry;
  faults: FaultBox;
  stats: Stats;
  stravaRateLimit: StravaRateLimit;
  stravaSubscriptions: PushSubscriptions;
  googleQuota: GoogleQuota;
  googleSubscribers: Subscribers;
  googleSigner: WebhookSigner;
}

export interface SandboxContext extends SandboxState {
  readonly config: SandboxConfig;
  readonly log: Logger;
  readonly now: () => number;
  readonly sender: NotificationSender;
}
