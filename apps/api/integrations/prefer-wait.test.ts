import { preferredWaitS } from './prefer-wait';

describe('preferredWaitS', () => {
  it.each([
    ['wait=10', 10],
    ['respond-async, wait=5', 5],
    ['Wait="7"', 7],
    ['wait=20; foo=bar', 20],
  ])('reads %s', (header, seconds) => expect(preferredWaitS(header)).toBe(seconds));

  it('joins repeated headers', () => expect(preferredWaitS(['handling=lenient', 'wait=3'])).toBe(3));

  it('is at most 60 s', () => expect(preferredWaitS('wait=999999')).toBe(60));

  it.each([undefined, '', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'await=9', 'wait=abc'])(
    'ignores %s',
    (header) => expect(preferredWaitS(header)).toBe(0),
  );
});
