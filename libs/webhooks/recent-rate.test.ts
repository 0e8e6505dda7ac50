import { RecentRate } from './recent-rate';

test('a steady rate is told as it is, and a burst is forgotten in seconds', () => {
  const rate = new RecentRate();
  const start = performance.now();
  let told = 0;
  for (let ms = 10; ms <= 10_000; ms += 10) told = rate.add(5, start + ms);
  expect(told).toBeGreaterThan(490);
  expect(told).toBeLessThan(510);
  expect(rate.add(0, start + 15_000)).toBeLessThan(5);
});
