/** A well-mixed 32-bit hash of text: FNV-1a with the murmur3 finaliser. Not for security. */
export function hash32(text: string): number {
  let h = 0x81_1c_9d_c5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01_00_01_93);
  h = Math.imul(h ^ (h >>> 16), 0x85_eb_ca_6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2_b2_ae_35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A source of numbers in [0, 1). */
export type Random = () => number;

/** The same parts always give the same sequence (mulberry32). */
export function createRandom(...parts: readonly (string | number)[]): Random {
  let state = hash32(parts.join('\u0000'));
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A whole number in [min, max]. */
export const wholeBetween = (random: Random, min: number, max: number): number =>
  min + Math.floor(random() * (max - min + 1));

export function pick<T>(random: Random, choices: readonly [T, ...T[]]): T {
  return choices[Math.floor(random() * choices.length)] ?? choices[0];
}

/** How many of `total` items fall on day `index` of `days` when they are spread evenly. */
export const shareOfDay = (total: number, days: number, index: number): number =>
  Math.floor(((index + 1) * total) / days) - Math.floor((index * total) / days);
