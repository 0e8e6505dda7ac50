import { AppError } from '../../../libs/core/errors';
import type { Executor } from '../../../libs/db/database';
import { findEndpoint, type Endpoint } from '../../../libs/db/endpoints.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { requirePartner } from '../auth/require-grant';
import { pathId } from '../http/wire';

/**
 * The endpoint of an id, if it belongs to the caller's app; another app's reads as not there.
 * @throws AppError `forbidden` without a partner's key, `not_found`
 */
export async function requireEndpoint(db: Executor, principal: Principal, id: string): Promise<Endpoint> {
  requirePartner(principal);
  const row = await findEndpoint(db, principal.appId, pathId('endpoint', id));
  if (row !== null) return row;
  throw noEndpoint();
}

export const noEndpoint = (): AppError => new AppError('not_found', 'There is no endpoint with this id.');
