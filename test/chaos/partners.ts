import { sql } from 'drizzle-orm';
import { SCOPES } from '../../libs/core/scopes';
import type { Database } from '../../libs/db/database';
import { createPartner } from '../../scripts/cli/partner';
import { ApiCaller } from '../../scripts/demo/api';
import { anyIntegration, anyUser, grant } from '../support/fixtures';
import type { FlappingReceiver } from './flapping-receiver';

export interface User {
  userId: string;
  integrationId: string;
}

export interface Endpoint {
  id: string;
  api: ApiCaller;
  receiver: FlappingReceiver;
  /** Users whose grant covers weight and sleep. */
  users: ReadonlySet<string>;
  /** Users whose grant covers weight alone. */
  weightOnlyUsers: ReadonlySet<string>;
  eventTypes: readonly string[];
}

export interface Partners {
  users: User[];
  endpoints: Endpoint[];
}

/**
 * Apps with one endpoint each, every fifth with a second one that asks for weight only. Each app has two users of its
 * own; the first user has granted three apps; one user has granted nobody, one revoked, one granted weight alone.
 */
export async function makePartners(
  db: Database,
  env: Readonly<Record<string, string>>,
  apiUrl: string,
  receivers: readonly FlappingReceiver[],
): Promise<Partners> {
  const addUser = async (): Promise<User> => {
    const userId = await anyUser(db);
    return { userId, integrationId: (await anyIntegration(db, userId, 'google_health')).integrationId };
  };
  const [popular, alone, revoked, partial] = [
    await addUser(),
    await addUser(),
    await addUser(),
    await addUser(),
  ];
  const users = [popular, alone, revoked, partial];
  const endpoints: Endpoint[] = [];
  const left = [...receivers];
  for (let app = 0; left.length > 0; app += 1) {
    const { appId, apiKey } = await createPartner(env, { appName: `Partner ${app}` });
    const api = new ApiCaller(apiUrl, apiKey);
    const own = [await addUser(), await addUser(), ...(app < 3 ? [popular] : [])];
    const weightOnly = app === 3 ? [partial] : [];
    for (const { userId } of own) await grant(db, appId, userId);
    for (const { userId } of weightOnly)
      await grant(
        db,
        appId,
        userId,
        SCOPES.filter((scope) => scope !== 'sleep.read'),
      );
    if (app === 4) await revokedGrant(db, appId, revoked.userId);
    users.push(...own.filter((user) => user !== popular));
    const ids = (list: readonly User[]): ReadonlySet<string> => new Set(list.map((u) => u.userId));
    for (const eventTypes of app % 5 === 0 ? [['*'], ['weight.*']] : [['*']]) {
      const receiver = left.shift();
      if (!receiver) break;
      const created = await api.post<{ id: string; secret: string }>('/v1/webhooks/endpoints', {
        url: receiver.url,
        eventTypes,
      });
      receiver.endpointId = created.id;
      receiver.secrets.created(created.secret);
      endpoints.push({
        id: created.id,
        api,
        receiver,
        users: ids(own),
        weightOnlyUsers: ids(weightOnly),
        eventTypes,
      });
    }
  }
  return { users, endpoints };
}

async function revokedGrant(db: Database, appId: string, userId: string): Promise<void> {
  await grant(db, appId, userId);
  await db.execute(sql`
    update grants set revoked_at = now() where app_id = ${appId} and user_id = ${userId}`);
}
