import { eq } from 'drizzle-orm';
import type { Dispatcher as HttpPool } from 'undici';
import { readDelivery } from '../../libs/db/deliveries.repo';
import { writeResults } from '../../libs/db/delivery-results.repo';
import { auditLog, endpoints } from '../../libs/db/schema/webhooks';
import { attemptDelivery } from '../../libs/webhooks/attempt-delivery';
import { openEgress } from '../../libs/webhooks/egress';
import { EndpointSecrets } from '../../libs/webhooks/endpoint-secret';
import { probePolicy } from '../../libs/webhooks/probe-policy';
import { startTestApi, type Answer, type TestApi } from './api';
import { anyApp, anyIntegration, anyUser, grant } from './fixtures';
import { openReceiver, type WebhookReceiver } from './webhook-receiver';

export const ENDPOINTS = '/v1/webhooks/endpoints';

const RETRY_SCHEDULE_S = [60];

/** An app with a key and one user who granted it everything. */
export interface Partner {
  appId: string;
  userId: string;
  integrationId: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** An endpoint as the API answered when it was created. */
interface Made {
  id: string;
  path: string;
  secret: string;
  body: Record<string, unknown>;
}

/** The API, a receiver per test, and what a dispatcher would do with one delivery. */
export class PartnerScene {
  receiver!: WebhookReceiver;

  private constructor(
    readonly api: TestApi,
    private readonly egress: HttpPool,
  ) {}

  static async open(): Promise<PartnerScene> {
    return new PartnerScene(await startTestApi(), openEgress({ allowLoopback: true, proxyUrl: null }));
  }

  get db() {
    return this.api.database.db;
  }

  async close(): Promise<void> {
    await this.egress.destroy();
    await this.api.close();
  }

  async openReceiver(): Promise<void> {
    this.receiver = await openReceiver();
  }

  async anyPartner(): Promise<Partner> {
    const [appId, userId] = [await anyApp(this.db), await anyUser(this.db)];
    await grant(this.db, appId, userId);
    const { integrationId } = await anyIntegration(this.db, userId, 'strava');
    const key = await this.api.keyOf(appId);
    const call: Partner['call'] = (method, path, body, headers) =>
      this.api.call(key, method, path, body, headers);
    return { appId, userId, integrationId, call };
  }

  /** An endpoint at the receiver unless `settings` say where. */
  async create(partner: Partner, settings: object = {}): Promise<Made> {
    const answer = await partner.call('POST', ENDPOINTS, { url: this.receiver.url, ...settings });
    expect(answer).toMatchObject({ status: 201 });
    const id = String(answer.body['id']);
    return { id, path: `${ENDPOINTS}/${id}`, secret: String(answer.body['secret']), body: answer.body };
  }

  /** The first attempt of a delivery, with its result. */
  async attempt(deliveryId: string): Promise<void> {
    const delivery = await readDelivery(this.db, deliveryId);
    const result = await attemptDelivery(
      {
        db: this.db,
        secrets: new EndpointSecrets(this.api.resources.sealer),
        egress: this.egress,
        reExport: () => true,
        scheduleS: RETRY_SCHEDULE_S,
        publicUrl: this.api.url,
      },
      delivery!,
    );
    await writeResults(this.db, [result!], probePolicy(RETRY_SCHEDULE_S));
  }

  async rowOf(endpointId: string): Promise<typeof endpoints.$inferSelect> {
    const [row] = await this.db.select().from(endpoints).where(eq(endpoints.id, endpointId));
    return row!;
  }

  /** What the audit log says was done to something, and by which kind of actor. */
  async actionsOn(subject: string): Promise<string[]> {
    const rows = await this.db
      .select()
      .from(auditLog)
      .where(eq(auditLog.subject, subject))
      .orderBy(auditLog.id);
    return rows.map((row) => `${row.action} by ${row.actor.slice(0, 8)}`);
  }
}

export function expectRefused(
  answer: Answer,
  status: number,
  code: string,
  detail: RegExp | string = '',
): void {
  expect([answer.status, answer.body['code']]).toEqual([status, code]);
  expect(answer.body['detail']).toMatch(detail);
}
