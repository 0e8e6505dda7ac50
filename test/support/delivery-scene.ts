import { NativeConnection } from '@temporalio/worker';
import { sql } from 'drizzle-orm';
import type { FollowDeps } from '../../libs/webhooks/follow-execution';
import { TemporalDeliveryExecutions } from '../../temporal/delivery-executions';
import {
  CORE_QUEUE,
  DELIVERY_ACTIVITY,
  deliveryActivityId,
  webhookDispatchWorkflowId,
  WORKFLOWS,
} from '../../workflows/contract';
import { startTestApi, type Answer, type TestApi } from './api';
import { waitUntil } from './wait-until';
import { publish, subscribe, type Subscription } from './webhook-fixtures';
import { openReceiver, type WebhookReceiver } from './webhook-receiver';
import { startWebhookWorker } from './webhook-worker';

export interface DeliveryView extends Record<string, unknown> {
  id: string;
  event_id: string;
  status: string;
  attempts: number;
  handed_over: boolean;
  due: boolean | null;
  audit: { actor: string; action: string; execution: string }[];
}

/** An app with a key, a grant, and an endpoint whose receiver answers 500 at first. */
export interface Subscriber extends Subscription {
  receiver: WebhookReceiver;
  accepts(): void;
  call(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Its first delivery, once it stands so. */
  delivery(status: string): Promise<DeliveryView>;
  /** A delivery that failed once and whose execution sleeps for about an hour. */
  failing(): Promise<DeliveryView>;
}

/** The API over HTTP and, as often as a test wants, a worker with all that webhooks need. */
export class DeliveryScene {
  readonly #receivers: WebhookReceiver[] = [];
  #stop: (() => Promise<void>) | null = null;

  private constructor(
    readonly api: TestApi,
    readonly follow: FollowDeps,
    private readonly connection: NativeConnection,
  ) {}

  static async open(): Promise<DeliveryScene> {
    const api = await startTestApi();
    const { db, temporal: client } = api.resources;
    await client.workflow.start(WORKFLOWS.dispatchWebhooks, {
      taskQueue: CORE_QUEUE,
      workflowId: webhookDispatchWorkflowId(0),
      args: [{ shard: 0, shards: 64 }],
    });
    const executions = new TemporalDeliveryExecutions(client, DELIVERY_ACTIVITY, deliveryActivityId);
    const connection = await NativeConnection.connect({ address: api.namespace.address });
    return new DeliveryScene(api, { db, executions }, connection);
  }

  get db() {
    return this.api.database.db;
  }

  async startWorker(): Promise<void> {
    this.#stop = await startWebhookWorker(this.api, this.connection);
  }

  async stopWorker(): Promise<void> {
    await this.#stop?.();
    this.#stop = null;
  }

  async close(): Promise<void> {
    await this.stopWorker();
    await this.api.resources.temporal.workflow.getHandle(webhookDispatchWorkflowId(0)).terminate();
    for (const receiver of this.#receivers) await receiver.close();
    await this.connection.close();
    await this.api.close();
  }

  /** The execution that retries a delivery, as an operator has it before him. */
  execution(delivery: { id: string }) {
    return this.api.namespace.client.activity.getHandle(deliveryActivityId(delivery.id));
  }

  untilExecution(delivery: { id: string }, status: string): Promise<true> {
    return waitUntil(async () => (await this.execution(delivery).describe()).status === status, {
      what: `the execution to be ${status}`,
    });
  }

  async subscriber(): Promise<Subscriber> {
    const receiver = await openReceiver();
    this.#receivers.push(receiver);
    receiver.answer = (response) => response.writeHead(500).end();
    const subscription = await subscribe(this.db, receiver.url);
    const key = await this.api.keyOf(subscription.appId);
    const subscriber: Subscriber = {
      ...subscription,
      receiver,
      accepts() {
        receiver.answer = (response) => response.end('ok');
      },
      call: (method, path, body) => this.api.call(key, method, path, body),
      delivery: (status) =>
        waitUntil(
          async () => {
            const row = await this.#firstDelivery(subscription.endpointId);
            if (row?.status === status) return row;
            throw new Error(`it is ${row?.status}`);
          },
          { what: `the delivery to be ${status}` },
        ),
      failing: async () => {
        await publish(this.db, subscription);
        return waitUntil(
          async () => {
            const row = await subscriber.delivery('retrying');
            const { nextAttemptScheduleTime } = await this.execution(row).describe();
            return row.handed_over && nextAttemptScheduleTime !== undefined ? row : null;
          },
          { what: 'the sleeping execution' },
        );
      },
    };
    return subscriber;
  }

  async #firstDelivery(endpointId: string): Promise<DeliveryView | undefined> {
    const [row] = await this.db.execute<DeliveryView>(sql`
      select d.id, d.event_id, d.status, d.attempts, d.handed_over, d.next_at <= clock_timestamp() as due,
        (select coalesce(jsonb_agg(jsonb_build_object('actor', a.actor, 'action', a.action,
          'execution', a.details->>'execution') order by a.id), '[]') from audit_log a where a.subject = d.id) as audit
      from deliveries d where d.endpoint_id = ${endpointId} order by d.seq limit 1`);
    return row;
  }
}
