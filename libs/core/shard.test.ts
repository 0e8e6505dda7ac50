import { shardOf } from './shard';

describe('shardOf', () => {
  it('is 32-bit FNV-1a: the published vectors', () => {
    const whole = 2 ** 32;
    expect(shardOf('', whole)).toBe(0x811c9dc5);
    expect(shardOf('a', whole)).toBe(0xe40c292c);
    expect(shardOf('foobar', whole)).toBe(0xbf9cf968);
  });

  it('spreads ids evenly enough that no shard of 64 gets twice its share', () => {
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < 6400; i += 1) counts[shardOf(`int_${i.toString(16).padStart(32, '0')}`, 64)]! += 1;
    expect(Math.max(...counts)).toBeLessThan(200);
    expect(Math.min(...counts)).toBeGreaterThan(20);
  });
});
