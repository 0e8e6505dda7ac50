import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import { ID_PREFIXES, isId, type IdKind } from '../../../libs/core/ids';
import { parseProviderId } from '../../../libs/core/providers';

/** Pieces that the wire schemas of several resources share. */

/** An instant in an answer, RFC 3339 in UTC. */
export const instant = z.string().meta({ format: 'date-time' });

export const idOf = (kind: IdKind) =>
  z.string().regex(new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-f]{32}$`), `must be a ${kind} id`);

/** Free text of people: no control characters (PostgreSQL refuses NUL), bounded. */
export const text = (maxLength: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxLength)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not hold control characters');

export const providerFilter = z
  .string()
  .transform((value, context) => {
    const provider = parseProviderId(value);
    if (provider !== null) return provider;
    context.addIssue({ code: 'custom', message: 'there is no such provider' });
    return z.NEVER;
  })
  .optional()
  .meta({ type: 'string', description: 'a provider id, e.g. `strava`' });

/** Query fields of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().max(500).optional().describe('`nextCursor` of the page before'),
};

export const pageOf = <T extends z.ZodType>(item: T, id: string) =>
  z
    .strictObject({
      data: z.array(item),
      nextCursor: z.string().nullable().describe('null on the last page'),
    })
    .meta({ id });

/** @throws AppError `not_found` for a text that cannot be an id of this kind */
export function pathId(kind: IdKind, value: string): string {
  if (isId(kind, value)) return value;
  throw new AppError('not_found', `There is no ${kind} with this id.`);
}

export const iso = (date: Date): string => date.toISOString();
export const isoOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;
