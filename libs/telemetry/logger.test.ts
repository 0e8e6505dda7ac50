import { DrizzleQueryError } from 'drizzle-orm';
import { Logger } from './logger';

test('the values of a failed statement stay out of the log', () => {
  const lines: string[] = [];
  const write = jest.spyOn(process.stdout, 'write').mockImplementation((line) => {
    lines.push(String(line));
    return true;
  });
  const cause = new Error('duplicate key value violates unique constraint');
  new Logger('test', 'info').error('failed', {
    error: new DrizzleQueryError('insert …', ['ann@example.org'], cause),
  });
  write.mockRestore();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('duplicate key value');
  expect(lines[0]).not.toContain('ann@example.org');
});
