import { AppError } from '../../../libs/core/errors';
import type { Sealer } from '../../../libs/crypto/sealer';
import type { Executor } from '../../../libs/db/database';
import { grantedScopes } from '../../../libs/db/principals.repo';
import { sealForEndpoint } from '../../../libs/webhooks/endpoint-secret';

/** Names in a message; the rest stands in the details. */
const MAX_NAMED = 5;

/**
 * The users of an endpoint's filter, each once; null: every user.
 * @throws AppError `invalid_request` that names the users who have not granted the app access
 */
export async function checkedUserIds(
  db: Executor,
  appId: string,
  userIds: readonly string[] | null,
): Promise<string[] | null> {
  if (userIds === null) return null;
  const wanted = [...new Set(userIds)];
  const granted = await grantedScopes(db, appId, wanted);
  const missing = wanted.filter((id) => !granted.has(id));
  if (missing.length === 0) return wanted;
  const named = missing.slice(0, MAX_NAMED).join(', ') + (missing.length > MAX_NAMED ? ', …' : '');
  throw new AppError(
    'invalid_request',
    `userIds: your app has no access to ${named}. Name users that granted it, or leave userIds out.`,
    { details: { fields: [{ field: 'userIds', message: `no live grant of ${named}` }], userIds: missing } },
  );
}

/** Seals the headers of an endpoint; null when there are none. */
export const sealedHeaders = (
  sealer: Sealer,
  endpointId: string,
  headers: Readonly<Record<string, string>> | null,
): string | null =>
  headers === null || Object.keys(headers).length === 0
    ? null
    : sealForEndpoint(sealer, endpointId, JSON.stringify(headers));
