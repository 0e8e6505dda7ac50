import { randomBytes } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import type { ProviderId } from '../../libs/core/providers';
import { Sealer } from '../../libs/crypto/sealer';
import type { Database, Executor } from '../../libs/db/database';
import { appendEvents } from '../../libs/db/outbox';
import type { endpoints } from '../../libs/db/schema/webhooks';
import { sealForEndpoint } from '../../libs/webhooks/endpoint-secret';
import { newWebhookSecret } from '../../libs/webhooks/signing';
import { anyApp, anyEndpoint, anyIntegration, anyUser, grant } from './fixtures';

export const testSealer = new Sealer([{ id: 'k1', key: randomBytes(32) }]);

/** A user, an app with a grant, and the app's endpoint at `url`. */
export interface Subscription {
  userId: string;
  appId: string;
  integrationId: string;
  endpointId: string;
  secret: string;
}

export async function subscribe(
  db: Database,
  url: string,
  values: Partial<typeof endpoints.$inferInsert> = {},
): Promise<Subscription> {
  const userId = await anyUser(db);
  const appId = await anyApp(db);
  await grant(db, appId, userId);
  const { integrationId } = await anyIntegration(db, userId, 'strava');
  const endpointId = newId('endpoint');
  const secret = newWebhookSecret();
  await anyEndpoint(db, appId, {
    id: endpointId,
    url,
    secretSealed: sealForEndpoint(testSealer, endpointId, secret),
    ...values,
  });
  return { userId, appId, integrationId, endpointId, secret };
}

/** Publishes `count` events of one weight each and answers the event ids. */
export async function publish(
  tx: Executor,
  owner: { userId: string; integrationId: string },
  count = 1,
  provider: ProviderId = 'strava',
): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    id: newId('event'),
    type: 'weight.created' as const,
    stream: 'weight' as const,
    recordCount: 1,
    data: {
      count: 1,
      from: '2026-11-20T07:00:00.000Z',
      to: '2026-11-20T07:00:00.000Z',
      records: [{ id: newId('record'), version: 1 }],
    },
  }));
  await appendEvents(tx, { ...owner, provider, reExport: true }, events);
  return events.map((e) => e.id);
}

export interface DeliveryState extends Record<string, unknown> {
  id: string;
  event_id: string;
  status: string;
  attempts: number;
  handed_over: boolean;
  /** Per attempt, `ok` for a successful one. */
  errors: string[];
}

/** An endpoint's deliveries in order, each with the errors of its attempts. */
export const deliveriesOf = async (db: Database, endpointId: string): Promise<DeliveryState[]> => [
  ...(await db.execute<DeliveryState>(sql`
    select d.id, d.event_id, d.status, d.attempts, d.handed_over,
      (select coalesce(array_agg(coalesce(a.error, 'ok') order by a.number), '{}') from attempts a where a.delivery_id = d.id) as errors
    from deliveries d where d.endpoint_id = ${endpointId} order by d.seq`)),
];
