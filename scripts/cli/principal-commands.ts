import { AppError } from '../../libs/core/errors';
import { SCOPES, type Scope } from '../../libs/core/scopes';
import type { Database } from '../../libs/db/database';
import {
  createApiKey,
  createApp,
  createUser,
  findApp,
  findUser,
  grantAccess,
  revokeApiKey,
  revokeGrant,
  type Tier,
} from '../../libs/db/principals.repo';
import { optionalOf, valueOf, type CliCommand } from './command';
import { UsageError } from './usage-error';

const TIERS = ['free', 'premium', 'enterprise'] as const satisfies readonly Tier[];

function tierOf(text: string | null): Tier {
  const tier = TIERS.find((t) => t === (text ?? 'free'));
  if (tier) return tier;
  throw new UsageError(`--tier must be one of ${TIERS.join(', ')}`);
}

function scopesOf(text: string): Scope[] {
  const words = text === 'all' ? [...SCOPES] : text.split(',').map((word) => word.trim());
  const unknown = words.filter((word) => !SCOPES.some((scope) => scope === word));
  if (unknown.length > 0)
    throw new UsageError(`--scopes: unknown ${unknown.join(', ')}; there are: all, ${SCOPES.join(', ')}`);
  return [...new Set(words)] as Scope[];
}

function returnUrlOf(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new UsageError(`--return-url must be an http(s) URL: ${text}`);
}

async function requireApp(db: Database, id: string): Promise<void> {
  if (!(await findApp(db, id))) throw new AppError('not_found', `There is no app ${id}.`);
}

async function requireUser(db: Database, id: string): Promise<void> {
  if (!(await findUser(db, id))) throw new AppError('not_found', `There is no user ${id}.`);
}

const APP = { value: '<app id>', about: 'the app', required: true };
const USER = { value: '<user id>', about: 'the user', required: true };

const userCreate: CliCommand = {
  verb: 'user create',
  about: 'create a user',
  options: {
    name: { value: '<text>', about: 'the name to show', required: true },
    email: { value: '<address>', about: 'e-mail address' },
  },
  run: ({ db }, values) =>
    createUser(db, { displayName: valueOf(values, 'name'), email: optionalOf(values, 'email') }),
};

const appCreate: CliCommand = {
  verb: 'app create',
  about: "create a partner's app",
  options: {
    name: { value: '<text>', about: 'its name', required: true },
    tier: { value: '<tier>', about: `rate-limit plan: ${TIERS.join(', ')} (default free)` },
    'return-url': {
      value: '<url>',
      about: 'where connect flows may send the browser back to',
      multiple: true,
    },
  },
  run: ({ db }, values) =>
    createApp(db, {
      name: valueOf(values, 'name'),
      tier: tierOf(optionalOf(values, 'tier')),
      returnUrls: (values['return-url'] ?? []).map(returnUrlOf),
    }),
};

const grantCreate: CliCommand = {
  verb: 'grant create',
  about: 'let an app act for a user; replaces an earlier grant',
  options: {
    app: APP,
    user: USER,
    scopes: { value: '<a,b>', about: `all, or some of ${SCOPES.join(', ')}`, required: true },
  },
  async run({ db }, values) {
    const [appId, userId] = [valueOf(values, 'app'), valueOf(values, 'user')];
    const scopes = scopesOf(valueOf(values, 'scopes'));
    await requireApp(db, appId);
    await requireUser(db, userId);
    await grantAccess(db, appId, userId, scopes);
    return { appId, userId, scopes };
  },
};

const grantRevoke: CliCommand = {
  verb: 'grant revoke',
  about: "end an app's access to a user",
  options: { app: APP, user: USER },
  async run({ db }, values) {
    const [appId, userId] = [valueOf(values, 'app'), valueOf(values, 'user')];
    if (!(await revokeGrant(db, appId, userId)))
      throw new AppError('not_found', 'There is no live grant of this user for this app.');
    return { appId, userId, revoked: true };
  },
};

const keyCreate: CliCommand = {
  verb: 'key create',
  about: 'make an API key; it is shown this once',
  options: {
    app: APP,
    user: { value: '<user id>', about: 'the key acts for this user alone, as the user' },
    name: { value: '<text>', about: 'what the key is for', required: true },
  },
  async run({ db }, values) {
    const [appId, userId, name] = [
      valueOf(values, 'app'),
      optionalOf(values, 'user'),
      valueOf(values, 'name'),
    ];
    await requireApp(db, appId);
    if (userId !== null) await requireUser(db, userId);
    return { ...(await createApiKey(db, { appId, userId, name })), appId, userId, name };
  },
};

const keyRevoke: CliCommand = {
  verb: 'key revoke',
  about: 'end an API key',
  options: { id: { value: '<key id>', about: 'the key', required: true } },
  async run({ db }, values) {
    const id = valueOf(values, 'id');
    if (!(await revokeApiKey(db, id))) throw new AppError('not_found', 'There is no live key with this id.');
    return { id, revoked: true };
  },
};

export const PRINCIPAL_COMMANDS = [userCreate, appCreate, grantCreate, grantRevoke, keyCreate, keyRevoke];
