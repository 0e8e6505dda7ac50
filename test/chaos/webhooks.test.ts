import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { between } from './chaos-plan';
import { auditScene, openScene, type Scene, untilSettled } from './chaos-scene';
import { disturb, expectAlive, type DisturbanceKind, type Outcome } from './disturbances';
import { ROTATION_IS_BUILT, rotateSecrets } from './secret-rotation';

const seed = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));

/** When a part is killed after the start, ± 1.5 s; the next one waits until the one before it has recovered. */
type Kills = readonly (readonly [atMs: number, kind: DisturbanceKind])[];

let scene: Scene | undefined;
afterEach(async () => {
  await scene?.stop();
  scene = undefined;
});

test('20,000 events reach flapping endpoints through kills of worker, api, Temporal and PostgreSQL', async () => {
  scene = await openScene({
    seed,
    endpoints: 24,
    events: 20_000,
    eventsPerSecond: 330,
    chaosMs: 60_000,
    sharedPostgres: false,
  });
  const kills: Kills = [
    [9_000, 'worker'],
    [19_000, 'temporal'],
    [31_000, 'postgres'],
    [42_000, 'api'],
    [50_000, 'worker'],
  ];
  const { figures, outcomes, ...result } = await play(scene, kills, 'postgres');
  console.log(JSON.stringify({ bench: 'chaos-webhooks', figures }));
  expect(result).toEqual({ lost: [], faults: [] });
  expect(figures.events).toBe(20_000);
  expect(figures.deliveries).toBeGreaterThanOrEqual(20_000);
  // First attempts go on while Temporal is down.
  expect(outcomes.find((o) => o.kind === 'temporal')!.acceptedMeanwhile).toBeGreaterThan(0);
  if (ROTATION_IS_BUILT) expect(figures.signedTwice).toBeGreaterThan(1_000);
}, 400_000);

test('product and Temporal on one PostgreSQL come back together', async () => {
  scene = await openScene({
    seed,
    endpoints: 7,
    events: 2_000,
    eventsPerSecond: 150,
    chaosMs: 12_000,
    sharedPostgres: true,
  });
  const { figures, ...result } = await play(scene, [[6_000, 'postgres']]);
  console.log(JSON.stringify({ bench: 'chaos-webhooks-shared-postgres', figures }));
  expect(result).toMatchObject({ lost: [], faults: [] });
  expect(figures.events).toBe(2_000);
}, 300_000);

/** @param rotateAfter the secrets of half of the endpoints are rotated once this part has recovered */
async function play(onScene: Scene, kills: Kills, rotateAfter?: DisturbanceKind) {
  const start = performance.now();
  const outcomes: Outcome[] = [];
  for (const [atMs, kind] of kills) {
    await pause(Math.max(0, atMs + between(onScene.random, -1_500, 1_500) - (performance.now() - start)));
    onScene.say(`kills ${kind}`);
    const outcome = await disturb(kind, onScene);
    outcomes.push(outcome);
    const { recoveryMs, acceptedMeanwhile } = outcome;
    onScene.say(
      `${kind}: work goes on after ${recoveryMs} ms, ${acceptedMeanwhile} first attempts meanwhile`,
    );
    if (kind === rotateAfter) await rotateSecrets(onScene);
  }
  await onScene.played;
  onScene.say('published; every endpoint is well but the dead one');
  await untilSettled(onScene);
  expectAlive(onScene);

  const { lost, faults, ...counts } = await auditScene(
    onScene,
    outcomes.map((o) => o.disturbance),
  );
  const count = (kind: DisturbanceKind): number => outcomes.filter((o) => o.kind === kind).length;
  const figures = {
    events: onScene.publication.events.size,
    deliveries: counts.deliveries,
    endpoints: onScene.endpoints.length,
    lost: lost.length,
    duplicates: counts.duplicates,
    cutRequests: counts.cutRequests,
    requests: counts.requests,
    signedTwice: counts.signedTwice,
    unknownCommits: onScene.publication.unknownCommits,
    workerKills: count('worker'),
    apiKills: count('api'),
    temporalRestarts: count('temporal'),
    postgresRestarts: count('postgres'),
    slowestRecoveryMs: Math.max(...outcomes.map((o) => o.recoveryMs)),
  };
  return { figures, outcomes, lost: lost.slice(0, 10), faults: faults.slice(0, 10) };
}
