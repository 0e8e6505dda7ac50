import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import { isId, type IdKind } from '../../../libs/core/ids';

/** Cursors are opaque to clients: base64url of the JSON of the last row's sort key. */
const encodeCursor = (key: readonly string[]): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url');

const sortKey = z.array(z.string().max(100)).min(1).max(2);

/** @throws AppError `invalid_request` for a text that is no cursor of ours */
export function decodeCursor(cursor: string): string[] {
  try {
    return sortKey.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch (cause) {
    throw wrongCursor(cause);
  }
}

/** Reads the cursor of a list that is sorted by id alone. @throws AppError `invalid_request` */
export function idCursor(kind: IdKind, cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const [id] = decodeCursor(cursor);
  if (id === undefined || !isId(kind, id)) throw wrongCursor();
  return id;
}

export const wrongCursor = (cause?: unknown): AppError =>
  new AppError('invalid_request', 'The cursor is not one of this list.', {
    cause,
    details: { fields: [{ field: 'cursor', message: 'must be the nextCursor of the page before' }] },
  });

/** Cuts the row that only tells that there is more, and makes the next cursor from the last row that stays. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly string[],
  toWire: (row: Row) => Item,
): { data: Item[]; nextCursor: string | null } {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    data: kept.map(toWire),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(keyOf(last)) : null,
  };
}
