import { configSchema } from '../../libs/config/config';
import { closeDatabase, openDatabase } from '../../libs/db/database';
import { createApiKey, createApp } from '../../libs/db/principals.repo';

/**
 * A partner's app with an API key, as the demo and the end-to-end tests need it: what `app create` and `key create` do.
 *
 * @param env where DATABASE_URL is read
 */
export async function createPartner(
  env: Readonly<Record<string, string | undefined>>,
  partner: { appName: string; returnUrls?: readonly string[] },
): Promise<{ appId: string; apiKey: string }> {
  const { DATABASE_URL } = configSchema.pick({ DATABASE_URL: true }).parse(env);
  const db = openDatabase(DATABASE_URL, 1, 'diettracker-cli');
  try {
    const { id: appId } = await createApp(db, {
      name: partner.appName,
      tier: 'free',
      returnUrls: partner.returnUrls ?? [],
    });
    const { key: apiKey } = await createApiKey(db, { appId, userId: null, name: partner.appName });
    return { appId, apiKey };
  } finally {
    await closeDatabase(db);
  }
}
