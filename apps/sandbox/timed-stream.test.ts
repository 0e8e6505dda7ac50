import { indexAfter, sliceOf, type Timed, TimedStream } from './timed-stream';

const item = (id: string, timeMs: number): Timed => ({ id, timeMs });
const ids = (items: readonly Timed[]): string => items.map((i) => i.id).join('');
const stream = () =>
  new TimedStream<Timed>(
    () => [item('a', 10), item('d', 40), item('b', 20), item('c', 20)],
    () => 0,
  );

test('items are newest first and windows are closed-open', () => {
  const { items } = stream();
  expect(ids(items)).toBe('dcba');
  const { lo, hi } = sliceOf(items, 20, 40);
  expect(ids(items.slice(lo, hi))).toBe('cb');
  expect(sliceOf(items, 50, 40).hi).toBeLessThanOrEqual(items.length);
});

test('indexAfter continues after an item even when it is gone', () => {
  const s = stream();
  s.remove('c');
  expect(ids(s.items.slice(indexAfter(s.items, item('c', 20))))).toBe('ba');
});

test('put moves a changed item and remove keeps it as deleted', () => {
  const s = stream();
  s.put(item('a', 30));
  expect(ids(s.items)).toBe('dacb');
  s.remove('d');
  expect([ids(s.items), ids(s.deleted)]).toEqual(['acb', 'd']);
  s.put(item('d', 5));
  expect([ids(s.items), ids(s.deleted)]).toEqual(['acbd', '']);
});

test('derived selections follow changes', () => {
  const s = stream();
  const even = () => ids(s.derive('old', (i) => i.timeMs <= 20));
  expect(even()).toBe('cba');
  s.put(item('e', 1));
  expect(even()).toBe('cbae');
});

test('a pending item is present at once and readable after its reads', () => {
  const s = stream();
  s.putPending(item('p', 50), 1, 0);
  expect([ids(s.present()), s.peek('p')?.id]).toEqual(['pdcba', 'p']);
  s.noteRead();
  expect(s.get('p')).toBeUndefined();
  s.noteRead();
  expect(s.get('p')?.id).toBe('p');
});
