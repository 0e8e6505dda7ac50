import { startTestProcess, systemEnvironment, type TestProcess } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import { describePlan, planEndpoint, type Random, seededRandom } from './chaos-plan';
import { FlappingReceiver, isAccepted } from './flapping-receiver';
import { type Audit, audit, type Disturbance } from './ledger';
import { countByStatus, readAttempts, readDeliveries, readEvents, readOpen } from './ledger-rows';
import { type OwnServers, startOwnServers } from './own-servers';
import { type Endpoint, makePartners } from './partners';
import { type Publication, startPublishing } from './publisher';

/** The product's schedule of 5 s … 24 h divided by 100. */
const RETRY_SCHEDULE_S = '0.05,3,18,72,180,360,504,720,864';
const LANES = 4;
const DATABASE_POOL = 8;
const SETTLE_TIMEOUT_MS = 240_000;

export interface SceneInput {
  seed: number;
  endpoints: number;
  events: number;
  eventsPerSecond: number;
  /** How long the endpoints misbehave. */
  chaosMs: number;
  /** Product and Temporal on one PostgreSQL. */
  sharedPostgres: boolean;
}

/** The product's processes on servers of their own, its partners, and the publisher at work. */
export interface Scene {
  servers: OwnServers;
  env: Readonly<Record<string, string>>;
  api: TestProcess;
  worker: TestProcess;
  endpoints: readonly Endpoint[];
  /** Dies in the middle and never comes back. */
  deadEndpointId: string;
  publication: Publication;
  /** The seed's numbers go on here. */
  random: Random;
  say: (line: string) => void;
  /** All is published and every endpoint is well, but the dead one. */
  played: Promise<void>;
  stop(): Promise<void>;
}

/** Starts everything; what a failed start has left is stopped. */
export async function openScene(input: SceneInput): Promise<Scene> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of stops.splice(0).reverse()) await step();
  };
  try {
    return await open(input, stops, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function open(
  input: SceneInput,
  stops: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Scene> {
  const openedAt = Date.now();
  const say = (line: string): void => {
    process.stderr.write(`[chaos ${((Date.now() - openedAt) / 1000).toFixed(1)} s] ${line}\n`);
  };
  say(`CHAOS_SEED=${input.seed} WEBHOOK_RETRY_SCHEDULE_S=${RETRY_SCHEDULE_S}`);
  const random = seededRandom(input.seed);
  const servers = await startOwnServers(DATABASE_POOL, input.sharedPostgres);
  stops.push(() => servers.stop());
  const env = await systemEnvironment(servers, { WEBHOOK_RETRY_SCHEDULE_S: RETRY_SCHEDULE_S });
  const receivers: FlappingReceiver[] = [];
  stops.push(() => Promise.all(receivers.map((r) => r.close())));
  for (let i = 0; i < input.endpoints; i += 1) receivers.push(await FlappingReceiver.open());
  const [api, worker] = [await startTestProcess('api', env), await startTestProcess('worker', env)];
  say(`everything is up; logs: ${api.logFile} ${worker.logFile}`);

  const { users, endpoints } = await makePartners(servers.db, env, api.url, receivers);
  const ended = new AbortController();
  const dead = endpoints[Math.floor(random() * endpoints.length)]!;
  const lives = endpoints.map(({ id, receiver }) => {
    const dies = receiver === dead.receiver;
    const phases = planEndpoint(random, dies ? input.chaosMs / 3 : input.chaosMs);
    say(`${id} ${describePlan(phases)}, ${dies ? 'down for good' : 'well'}`);
    return receiver.live(phases, dies ? 'down' : 'accept', ended.signal);
  });
  const { publication, done } = startPublishing(servers.db, {
    count: input.events,
    perSecond: input.eventsPerSecond,
    lanes: LANES,
    users,
    random,
    signal: ended.signal,
  });
  const played = Promise.all([...lives, done]).then(() => undefined);
  // Awaited after the disturbances, which may fail first.
  played.catch(() => undefined);
  const telling = setInterval(() => {
    const requests = endpoints.flatMap((e) => e.receiver.received);
    say(
      `${publication.events.size} events, ${requests.length} requests, ${requests.filter(isAccepted).length} accepted`,
    );
  }, 10_000);
  stops.push(async () => {
    clearInterval(telling);
    ended.abort();
    await played.catch(() => undefined);
  });
  const scene: Scene = {
    servers,
    env,
    api,
    worker,
    endpoints,
    deadEndpointId: dead.id,
    publication,
    random,
    say,
    played,
    stop,
  };
  stops.push(() => Promise.all([scene.api.kill9(), scene.worker.kill9()]));
  return scene;
}

const ENDED: readonly string[] = ['delivered', 'failed', 'cancelled'];

/** Nothing is open any more but at the endpoint that never comes back. @throws Error showing what is */
export async function untilSettled({ servers: { db }, deadEndpointId, say }: Scene): Promise<void> {
  let said = 0;
  await waitUntil(
    async () => {
      const counts = await countByStatus(db, [deadEndpointId]);
      if (Date.now() - said > 10_000) {
        said = Date.now();
        say(JSON.stringify(counts));
      }
      return Object.keys(counts).every((status) => ENDED.includes(status));
    },
    { what: 'the deliveries to settle', timeoutMs: SETTLE_TIMEOUT_MS, intervalMs: 500 },
  ).catch(async (error: unknown) => {
    const open = await readOpen(db, [deadEndpointId]);
    throw new Error(`${String(error)}; some of those still open: ${JSON.stringify(open, null, 1)}`);
  });
}

/** Compares commits, ledger and receivers' logs. */
export async function auditScene(
  { servers: { db }, ...scene }: Scene,
  disturbances: readonly Disturbance[],
): Promise<Audit> {
  return audit({
    published: scene.publication.events,
    endpoints: scene.endpoints,
    deadEndpointId: scene.deadEndpointId,
    requests: scene.endpoints.flatMap((e) => e.receiver.received),
    disturbances,
    events: await readEvents(db),
    deliveries: await readDeliveries(db),
    attempts: await readAttempts(db),
  });
}
