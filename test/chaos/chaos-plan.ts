/** A repeatable source of numbers in [0, 1). */
export type Random = () => number;

/** mulberry32 (Tommy Ettinger, public domain): small, and good enough to draw a plan from. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const between = (random: Random, low: number, high: number): number => low + random() * (high - low);

const pick = <T>(random: Random, list: readonly T[]): T => list[Math.floor(random() * list.length)]!;

/**
 * What an endpoint does with a request: `down` has closed its port, `hang` never answers, `drip` answers 200 at once and
 * its body over two seconds, the others say what they answer.
 */
export type Behaviour = 'accept' | 'http_500' | 'hang' | 'drip' | 'reset' | 'http_429' | 'redirect' | 'down';

export interface Phase {
  behaviour: Behaviour;
  durationMs: number;
}

const GOOD_MS = [4_000, 11_000] as const;
const BAD_MS = [2_000, 4_500] as const;
const FLAP_MS = 2_000;
const DEATH_MS = [4_000, 8_000] as const;

type Trouble = Exclude<Behaviour, 'accept' | 'down'> | 'flap' | 'die';
const TROUBLES: readonly Trouble[] = [
  'http_500',
  'hang',
  'drip',
  'reset',
  'http_429',
  'redirect',
  'flap',
  'die',
];

/** An endpoint's life of `totalMs`: good times and one trouble after the other. */
export function planEndpoint(random: Random, totalMs: number): Phase[] {
  const phases: Phase[] = [];
  const add = (behaviour: Behaviour, [low, high]: readonly [number, number]): void => {
    phases.push({ behaviour, durationMs: Math.round(between(random, low, high)) });
  };
  const lengthMs = (): number => phases.reduce((sum, p) => sum + p.durationMs, 0);
  add('accept', [0, 8_000]);
  while (lengthMs() < totalMs) {
    const trouble = pick(random, TROUBLES);
    if (trouble === 'die') add('down', DEATH_MS);
    else if (trouble === 'flap')
      for (const behaviour of ['down', 'accept', 'down', 'accept', 'down'] as const)
        add(behaviour, [FLAP_MS, FLAP_MS]);
    else add(trouble, BAD_MS);
    add('accept', GOOD_MS);
  }
  let leftMs = totalMs;
  return phases.flatMap(({ behaviour, durationMs: wantedMs }) => {
    const durationMs = Math.min(wantedMs, leftMs);
    leftMs -= durationMs;
    return durationMs > 0 ? [{ behaviour, durationMs }] : [];
  });
}

/** Its behaviours and how long each lasts in seconds: `accept 4.1, hang 2.2`. */
export const describePlan = (phases: readonly Phase[]): string =>
  phases.map((p) => `${p.behaviour} ${(p.durationMs / 1000).toFixed(1)}`).join(', ');
