import { DrizzleQueryError } from 'drizzle-orm';
import { loggable } from './loggable';

describe('loggable', () => {
  it('leaves the values of a failed statement out', () => {
    const cause = new Error('duplicate key value violates unique constraint');
    const shown = loggable(new DrizzleQueryError('insert …', ['ann@example.org'], cause));
    expect(shown).toBe(cause);
    expect(JSON.stringify(shown, Object.getOwnPropertyNames(shown))).not.toContain('ann@example.org');
  });

  it('shows other errors as they are', () => {
    const error = new Error('x');
    expect(loggable(error)).toBe(error);
  });
});
