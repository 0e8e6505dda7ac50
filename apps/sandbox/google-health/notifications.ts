import type { SandboxContext } from '../context';
import { isoSeconds } from '../local-time';
import type { Grant } from '../oauth/token-vault';
import { hash32 } from '../seed';
import type { GoogleHealthAccount } from '../store';
import { canRead } from './caller';
import { civilTimeJson } from './civil-json';
import type { DataType } from './filter';

/** The real service retries for up to 7 days with growing delays; here a handful of attempts stand for them. */
const ATTEMPTS = 8;
const ACK_TIMEOUT_MS = 10_000;

export interface ChangedInterval {
  startMs: number;
  endMs: number;
  offsetS: number;
}

/** Tells every AUTOMATIC subscriber of a data type that an interval of a consenting user's data changed. */
export function announceChange(
  context: SandboxContext,
  account: GoogleHealthAccount,
  dataType: DataType,
  operation: 'UPSERT' | 'DELETE',
  intervals: readonly ChangedInterval[],
): void {
  const consents = context.vault.grantsOf('google_health', account.name).some((g) => canRead(g, dataType));
  if (consents) post(context, account, dataType, operation, intervals);
}

/** A revoked permission is announced as DELETE of everything the app could read. */
export function announceRevocation(context: SandboxContext, grant: Grant): void {
  const account = context.store.find('google_health', grant.accountName);
  if (account === undefined) return;
  for (const dataType of ['weight', 'exercise'] as const)
    if (canRead(grant, dataType))
      post(context, account, dataType, 'DELETE', [{ startMs: 0, endMs: context.now(), offsetS: 0 }]);
}

function post(
  context: SandboxContext,
  account: GoogleHealthAccount,
  dataType: DataType,
  operation: 'UPSERT' | 'DELETE',
  intervals: readonly ChangedInterval[],
): void {
  for (const subscriber of context.googleSubscribers.list()) {
    const wanted = subscriber.subscriberConfigs.some(
      (c) => c.subscriptionCreatePolicy === 'AUTOMATIC' && c.dataTypes.includes(dataType),
    );
    if (!wanted) continue;
    const data = {
      version: '1',
      clientProvidedSubscriptionName: '',
      healthUserId: account.id,
      operation,
      dataType,
      intervals: intervals.map(intervalOf),
    };
    const body = JSON.stringify([{ data }]);
    context.sender.send({
      provider: 'google_health',
      accountNames: [account.name, account.id],
      url: subscriber.endpointUri,
      headers: {
        authorization: subscriber.endpointAuthorization.secret,
        'x-healthapi-signature': context.googleSigner.sign(body),
      },
      body,
      isAccepted: (status) => status === 204,
      attempts: ATTEMPTS,
      timeoutMs: ACK_TIMEOUT_MS,
    });
  }
}

/** Real notifications carry any of three shapes of an interval; which ones depends here on its start. */
function intervalOf({ startMs, endMs, offsetS }: ChangedInterval): Record<string, unknown> {
  const physicalTimeInterval = { startTime: isoSeconds(startMs), endTime: isoSeconds(endMs) };
  const local = (ms: number): string => isoSeconds(ms + offsetS * 1000).slice(0, 19);
  const civilIso8601TimeInterval = { startTime: local(startMs), endTime: local(endMs) };
  const civilDateTimeInterval = {
    startDateTime: JSON.parse(civilTimeJson(startMs, offsetS)) as unknown,
    endDateTime: JSON.parse(civilTimeJson(endMs, offsetS)) as unknown,
  };
  switch (hash32(String(startMs)) % 3) {
    case 0:
      return { physicalTimeInterval };
    case 1:
      return { physicalTimeInterval, civilDateTimeInterval, civilIso8601TimeInterval };
    default:
      return { civilIso8601TimeInterval };
  }
}
