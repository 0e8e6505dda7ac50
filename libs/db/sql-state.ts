/** The SQLSTATE of a failed statement (PostgreSQL manual, appendix A), through drizzle's wrapper; null for other errors. */
function sqlStateOf(error: unknown): string | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && /^[0-9A-Z]{5}$/.test(at.code)) return at.code;
  }
  return null;
}

/** 23505: another row has this unique value. */
export const isUniqueViolation = (error: unknown): boolean => sqlStateOf(error) === '23505';

/** 55P03: a lock could not be had within lock_timeout. */
export const isLockTimeout = (error: unknown): boolean => sqlStateOf(error) === '55P03';

/** 23514, here: the DEFAULT partition holds rows of the partition that is attached. */
export const isPartitionConflict = (error: unknown): boolean => sqlStateOf(error) === '23514';
