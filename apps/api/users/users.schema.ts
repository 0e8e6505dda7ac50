import { z } from 'zod';
import { SCOPES, type Scope } from '../../../libs/core/scopes';
import type { User } from '../../../libs/db/principals.repo';
import { instant, iso, pageOf, pageQuery, text } from '../http/wire';

export const createUserBody = z
  .strictObject({
    displayName: text(200),
    email: z.email().max(320).optional(),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .default([...SCOPES])
      .describe('what your app may do for this user; all of it when left out'),
  })
  .meta({ id: 'CreateUser' });

export const listUsersQuery = z.strictObject(pageQuery);

export const user = z
  .strictObject({
    id: z.string(),
    displayName: z.string(),
    email: z.string().nullable(),
    scopes: z.array(z.enum(SCOPES)).describe('what the caller may do for this user'),
    createdAt: instant,
  })
  .meta({ id: 'User' });

export const userPage = pageOf(user, 'UserPage');

export const userToWire = (row: User, scopes: readonly Scope[]): z.infer<typeof user> => ({
  id: row.id,
  displayName: row.displayName,
  email: row.email,
  scopes: [...scopes],
  createdAt: iso(row.createdAt),
});
