/** The command line is wrong; its message says how it is right. Exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}
