import { DrizzleQueryError } from 'drizzle-orm';

/** An error as it may stand in the log: drizzle's own repeats the statement with its values, so PostgreSQL's is taken. */
export const loggable = (error: unknown): unknown =>
  error instanceof DrizzleQueryError ? (error.cause ?? new Error('query failed')) : error;
