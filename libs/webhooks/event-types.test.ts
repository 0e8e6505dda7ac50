import { EVENT_TYPES, isEventTypePattern } from './event-types';

test.each(['*', 'weight.created', 'sleep.*', 'integration.*', 'sync.completed'])(
  '%s is a pattern',
  (text) => {
    expect(isEventTypePattern(text)).toBe(true);
  },
);

test.each(['', '*.created', 'weight', 'weight.', 'weight.exploded', 'nothing.*', 'w.*', 'weight.*.x'])(
  '%j is no pattern',
  (text) => {
    expect(isEventTypePattern(text)).toBe(false);
  },
);

test('no type stands twice in the catalogue', () => {
  expect(new Set(EVENT_TYPES.map((t) => t.type)).size).toBe(EVENT_TYPES.length);
});
