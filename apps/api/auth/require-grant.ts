import { AppError } from '../../../libs/core/errors';
import type { Scope } from '../../../libs/core/scopes';
import type { Executor } from '../../../libs/db/database';
import { findIntegration, type Integration } from '../../../libs/db/integrations.repo';
import { isGranted, type Principal } from '../../../libs/db/principals.repo';

/**
 * Row ownership, checked here and nowhere else. Lists are cut by `visibleUserIds` of the same grants.
 *
 * @throws AppError `forbidden` when the caller may not do this for the user, whether or not that user exists
 */
export async function requireGrant(
  db: Executor,
  principal: Principal,
  userId: string,
  scope: Scope,
): Promise<void> {
  if (await isGranted(db, principal, userId, scope)) return;
  const why =
    principal.userId === null
      ? `This user has not granted your app the scope ${scope}.`
      : 'This API key acts for another user.';
  throw new AppError('forbidden', why, { details: { userId, scope } });
}

/**
 * The integration of an id, if the caller may do this with it. One that the caller cannot see at all reads as not
 * there; one that the caller may read but not change is forbidden.
 *
 * @throws AppError `not_found`, `forbidden`
 */
export async function requireIntegration(
  db: Executor,
  principal: Principal,
  integrationId: string,
  scope: 'integrations.read' | 'integrations.write',
): Promise<Integration> {
  const integration = await findIntegration(db, integrationId);
  if (integration !== null) {
    if (await isGranted(db, principal, integration.userId, scope)) return integration;
    if (await isGranted(db, principal, integration.userId, 'integrations.read'))
      throw new AppError('forbidden', `This user has not granted your app the scope ${scope}.`, {
        details: { scope },
      });
  }
  throw new AppError('not_found', 'There is no integration with this id.');
}

/**
 * The user a request is about: the one it names, or the key's own.
 * @throws AppError `invalid_request` when a partner's key names none
 */
export function userOf(principal: Principal, userId: string | undefined): string {
  const id = userId ?? principal.userId;
  if (id !== null) return id;
  throw new AppError('invalid_request', "userId is required with a partner's key.", {
    details: { fields: [{ field: 'userId', message: 'required: this key acts for many users' }] },
  });
}

/** @throws AppError `forbidden` for a key that acts for one user */
export function requirePartner(principal: Principal): void {
  if (principal.userId === null) return;
  throw new AppError('forbidden', "This needs a partner's key; yours acts for one user.");
}
