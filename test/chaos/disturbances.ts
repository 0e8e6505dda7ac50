import { setTimeout as pause } from 'node:timers/promises';
import { startTestProcess } from '../support/processes';
import { waitUntil } from '../support/wait-until';
import type { Scene } from './chaos-scene';
import { isAlive } from './own-servers';
import { isAccepted, type ReceivedRequest } from './flapping-receiver';
import type { Disturbance } from './ledger';

export type DisturbanceKind = 'worker' | 'api' | 'temporal' | 'postgres';

export interface Outcome {
  kind: DisturbanceKind;
  /** From the kill until the part's work was seen to go on. */
  recoveryMs: number;
  /** First attempts that were accepted between kill and readiness. */
  acceptedMeanwhile: number;
  disturbance: Disturbance;
}

const RECOVERY_TIMEOUT_MS = 45_000;
/** A dispatcher is fenced and its acks are refused until that long after Temporal is back. */
const TEMPORAL_AFTERMATH_MS = 20_000;
const POSTGRES_AFTERMATH_MS = 5_000;

const requestsOf = (scene: Scene): ReceivedRequest[] => scene.endpoints.flatMap((e) => e.receiver.received);

/** Kills a part, brings it back, and waits until its work goes on. */
export async function disturb(kind: DisturbanceKind, scene: Scene): Promise<Outcome> {
  expectAlive(scene);
  const startMs = Date.now();
  const aftermathMs = await DISTURB[kind](scene);
  const upMs = Date.now();
  await waitUntil(() => goesOn(kind, scene, startMs, upMs), {
    what: `work to go on after the ${kind} came back`,
    timeoutMs: RECOVERY_TIMEOUT_MS,
    intervalMs: 100,
  });
  const recoveryMs = Date.now() - startMs;
  await callApi(scene);
  const acceptedMeanwhile = requestsOf(scene).filter(
    (r) => isAccepted(r) && r.attempt === 1 && r.startedAt > startMs && r.startedAt < upMs,
  ).length;
  return {
    kind,
    recoveryMs,
    acceptedMeanwhile,
    disturbance: { what: kind, startMs, endMs: upMs + aftermathMs },
  };
}

/** @throws Error when the api or the worker has ended though nobody killed it */
export function expectAlive({ api, worker }: Scene): void {
  for (const { name, pid, logFile } of [api, worker])
    if (!isAlive(pid)) throw new Error(`the ${name} ended by itself: see ${logFile}`);
}

/** Each answers how long senders may fail to write once it is over, in ms. */
const DISTURB: Readonly<Record<DisturbanceKind, (scene: Scene) => Promise<number>>> = {
  worker: async (scene) => {
    await scene.worker.kill9();
    scene.worker = await startTestProcess('worker', scene.env);
    return 0;
  },
  api: async (scene) => {
    await scene.api.kill9();
    scene.api = await startTestProcess('api', scene.env);
    return 0;
  },
  temporal: async ({ servers }) => {
    await servers.killTemporal();
    await servers.startTemporal();
    return TEMPORAL_AFTERMATH_MS;
  },
  postgres: async ({ servers }) => {
    await servers.killPostgres();
    await pause(500);
    await servers.startPostgres();
    return POSTGRES_AFTERMATH_MS;
  },
};

/** Something was accepted that cannot have happened before the part was back. */
function goesOn(kind: DisturbanceKind, scene: Scene, startMs: number, upMs: number): boolean {
  if (kind === 'api') return true;
  return requestsOf(scene).some((r) => {
    if (!isAccepted(r)) return false;
    if (kind === 'temporal') return r.attempt > 1 && r.startedAt > upMs;
    return r.attempt === 1 && (scene.publication.events.get(r.eventId)?.committedAt ?? 0) > startMs;
  });
}

/** The API answers a partner from the database. */
async function callApi({ endpoints }: Scene): Promise<void> {
  const { api, id } = endpoints[0]!;
  await waitUntil(() => api.get<{ data: unknown[] }>(`/v1/webhooks/endpoints/${id}/deliveries?limit=5`), {
    what: 'the API to answer',
    timeoutMs: RECOVERY_TIMEOUT_MS,
  });
}
