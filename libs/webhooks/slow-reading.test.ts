import { SlowReading } from './slow-reading';

const noError = (error: unknown): never => {
  throw error;
};

test('reads once for many who ask, and not again while the value is valid', async () => {
  let reads = 0;
  const reading = new SlowReading(() => Promise.resolve((reads += 1)), noError, {
    validMs: 60_000,
    waitMs: 1_000,
  });
  expect(await Promise.all([reading.value(), reading.value()])).toEqual([1, 1]);
  expect(await reading.value()).toBe(1);
});

test('answers the last value while a new one takes long, and the new one afterwards', async () => {
  let answer: (value: string) => void = () => undefined;
  const reading = new SlowReading(() => new Promise<string>((resolve) => (answer = resolve)), noError, {
    validMs: 0,
    waitMs: 20,
  });
  expect(await reading.value()).toBeNull();
  answer('first');
  expect(await reading.value()).toBe('first');
});

test('a failure is reported and keeps the last value', async () => {
  const errors: unknown[] = [];
  const answers = [() => Promise.resolve(1), () => Promise.reject(new Error('no database'))];
  const reading = new SlowReading(
    () => answers.shift()!(),
    (error) => errors.push(error),
    { validMs: 0, waitMs: 1_000 },
  );
  expect(await reading.value()).toBe(1);
  while (errors.length === 0) expect(await reading.value()).toBe(1);
  expect(await reading.value()).toBe(1);
});
