import type { z } from 'zod';
import type { Timed, TimedStream } from '../timed-stream';

/** How the control API edits one kind of record and how its provider announces that. */
export interface RecordEditor<T extends Timed, Body> {
  bodySchema: z.ZodType<Body>;
  stream: TimedStream<T>;
  truthOf(item: T, deleted: boolean): Record<string, unknown>;
  make(serial: number, body: Body): T;
  change(old: T, body: Body): T;
  announceCreated(made: T): void;
  announceChanged(before: T, after: T): void;
  announceDeleted(gone: T): void;
}
