import { Agent, request } from 'undici';
import { newId } from '../libs/core/ids';
import { newWebhookSecret, signWebhook } from '../libs/webhooks/signing';
import { eventBody } from '../libs/webhooks/event-body';
import { serveJob } from './webhooks-child';
import { monotonicMs } from './webhooks-clock';

/** What the same POSTs cost without a product: a bare undici loop with the same body size, headers and signing. */

export interface BareLoopJob {
  url: string;
  posts: number;
  inFlight: number;
}

export interface BareLoopResult {
  perSecond: number;
  bodyBytes: number;
}

const WARM_UP = 500;
const secret = newWebhookSecret();
const body = eventBody(
  {
    id: newId('event'),
    type: 'weight.created',
    occurredAt: new Date().toISOString(),
    userId: newId('user'),
    integrationId: newId('integration'),
    seq: 1,
    data: {
      at: 0,
      count: 14,
      from: '2026-11-20T07:00:00.000Z',
      to: '2026-11-20T08:00:00.000Z',
      records: Array.from({ length: 14 }, () => ({ id: newId('record'), version: 1 })),
    },
  },
  null,
);

async function post(agent: Agent, url: string, n: number): Promise<void> {
  const eventId = newId('event');
  const answer = await request(url, {
    dispatcher: agent,
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'DietTracker-Webhooks/1',
      'X-DietTracker-Event': 'weight.created',
      'X-DietTracker-Delivery': eventId,
      'X-DietTracker-Attempt': '1',
      'X-DietTracker-Sequence': String(n),
      ...signWebhook({ eventId, timestampS: Math.floor(Date.now() / 1000), body, secrets: [secret] }),
    },
    body,
  });
  await answer.body.dump();
  if (answer.statusCode !== 200) throw new Error(`the receiver answered ${answer.statusCode}`);
}

async function loop(agent: Agent, { url, inFlight }: BareLoopJob, posts: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < posts) await post(agent, url, next++);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
}

serveJob<BareLoopJob, BareLoopResult>(async (job) => {
  const agent = new Agent();
  await loop(agent, job, WARM_UP);
  return async () => {
    const startedAt = monotonicMs();
    await loop(agent, job, job.posts);
    const seconds = (monotonicMs() - startedAt) / 1000;
    await agent.close();
    return { perSecond: job.posts / seconds, bodyBytes: Buffer.byteLength(body) };
  };
});
