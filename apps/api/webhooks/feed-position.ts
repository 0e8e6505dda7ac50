import { AppError } from '../../../libs/core/errors';

/** Positions in the feed are opaque to clients: base64url of the place. Filters do not stand in them and may change. */
export const encodePosition = (place: number): string => Buffer.from(`feed:${place}`).toString('base64url');

/** @throws AppError `invalid_request` for a text that is no position of ours */
export function decodePosition(text: string): number {
  const place = Number(
    /^feed:(0|[1-9]\d{0,14})$/.exec(Buffer.from(text, 'base64url').toString('latin1'))?.[1] ?? Number.NaN,
  );
  if (Number.isNaN(place) || encodePosition(place) !== text) throw unknownPosition();
  return place;
}

export const unknownPosition = (): AppError =>
  wrongAfter(
    'is not a position of this feed: use `next` of the page before, or leave it out to begin with the oldest event we keep',
  );

/** The events right after the position are not kept any more. */
export const expiredPosition = (): AppError =>
  wrongAfter(
    'is older than what we keep, so events after it may be gone: read the data itself (e.g. GET /v1/weight), then begin without `after`',
  );

const wrongAfter = (why: string): AppError =>
  new AppError('invalid_request', `after ${why}.`, {
    details: { fields: [{ field: 'after', message: why }] },
  });
