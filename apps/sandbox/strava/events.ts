import { createHmac } from 'node:crypto';
import type { SandboxContext } from '../context';
import type { Grant } from '../oauth/token-vault';
import type { StravaAccount } from '../store';
import type { StravaActivity } from './activity';

const ATTEMPTS = 3;
const ACK_TIMEOUT_MS = 2000;
const READ_SCOPES = ['activity:read', 'activity:read_all'];

interface StravaEvent {
  object_type: 'activity' | 'athlete';
  object_id: number;
  aspect_type: 'create' | 'update' | 'delete';
  updates: Record<string, string>;
}

/** Tells every subscribed app that the athlete allowed to read activities about one activity. */
export function announceActivity(
  context: SandboxContext,
  account: StravaAccount,
  activity: StravaActivity,
  aspect: StravaEvent['aspect_type'],
  updates: Record<string, string> = {},
): void {
  for (const grant of context.vault.grantsOf('strava', account.name)) {
    if (!grant.scopes.some((scope) => READ_SCOPES.includes(scope))) continue;
    const event = asSeenBy(grant, activity, aspect, updates);
    if (event === null) continue;
    post(context, account, grant.clientId, {
      object_type: 'activity',
      object_id: Number(activity.id),
      ...event,
    });
  }
}

/** Without `activity:read_all` an activity that turns private looks deleted, and private ones do not exist. */
function asSeenBy(
  grant: Grant,
  activity: StravaActivity,
  aspect: StravaEvent['aspect_type'],
  updates: Record<string, string>,
): Pick<StravaEvent, 'aspect_type' | 'updates'> | null {
  if (!activity.isPrivate || grant.scopes.includes('activity:read_all'))
    return { aspect_type: aspect, updates };
  return updates['private'] === 'true' ? { aspect_type: 'delete', updates: {} } : null;
}

/** Strava announces only changes of title, type and privacy; other edits stay silent. */
export function updatesBetween(before: StravaActivity, after: StravaActivity): Record<string, string> {
  return {
    ...(before.name === after.name ? {} : { title: after.name }),
    ...(before.sportType === after.sportType ? {} : { type: after.sportType }),
    ...(before.isPrivate === after.isPrivate ? {} : { private: String(after.isPrivate) }),
  };
}

export function announceDeauthorization(context: SandboxContext, grant: Grant): void {
  const account = context.store.find('strava', grant.accountName);
  if (account === undefined) return;
  post(context, account, grant.clientId, {
    object_type: 'athlete',
    object_id: Number(account.id),
    aspect_type: 'update',
    updates: { authorized: 'false' },
  });
}

function post(context: SandboxContext, account: StravaAccount, clientId: string, event: StravaEvent): void {
  const subscription = context.stravaSubscriptions.ofClient(clientId);
  if (subscription === undefined) return;
  const atS = Math.floor(context.now() / 1000);
  const body = JSON.stringify({
    ...event,
    owner_id: Number(account.id),
    subscription_id: subscription.id,
    event_time: atS,
  });
  const mac = createHmac('sha256', context.clients.secretOf('strava', clientId))
    .update(`${atS}.${body}`)
    .digest('hex');
  context.sender.send({
    provider: 'strava',
    accountNames: [account.name, account.id],
    url: subscription.callbackUrl,
    headers: { 'x-strava-signature': `t=${atS},v1=${mac}` },
    body,
    isAccepted: (status) => status === 200,
    attempts: ATTEMPTS,
    timeoutMs: ACK_TIMEOUT_MS,
  });
}
