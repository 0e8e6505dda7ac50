import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { newId } from '../../libs/core/ids';
import { closeDatabase, openDatabase, type Database } from '../../libs/db/database';
import { sequenceEvents } from '../../libs/db/event-feed.repo';
import { appendAppEvent } from '../../libs/db/outbox';
import { grantAccess, revokeGrant } from '../../libs/db/principals.repo';
import { records } from '../../libs/db/schema/records';
import { startTestApi, type Answer, type TestApi } from '../support/api';
import { expectKnownEvent } from '../support/event-contract';
import { anyApp, anyIntegration, anyUser, grant } from '../support/fixtures';
import { publish } from '../support/webhook-fixtures';

let api: TestApi;
let db: Database;

beforeAll(async () => {
  api = await startTestApi();
  db = api.database.db;
});
afterAll(() => api.close());

interface Reader {
  appId: string;
  key: string;
}

interface Owner {
  userId: string;
  integrationId: string;
}

async function anyReader(): Promise<Reader> {
  const appId = await anyApp(db);
  return { appId, key: await api.keyOf(appId) };
}

/** A user who granted the app access to everything. */
async function anyOwner({ appId }: Reader): Promise<Owner> {
  const userId = await anyUser(db);
  await grant(db, appId, userId);
  const { integrationId } = await anyIntegration(db, userId, 'google_health');
  return { userId, integrationId };
}

const put = (owner: Owner, count = 1, provider: 'google_health' | 'strava' = 'google_health') =>
  db.transaction((tx) => publish(tx, owner, count, provider));

const feed = (reader: Reader, query: Record<string, string> = {}): Promise<Answer> =>
  api.call(reader.key, 'GET', `/v1/events?${new URLSearchParams(query).toString()}`);

const idsOf = (answer: Answer): string[] => (answer.body['data'] as { id: string }[]).map((e) => e.id);
const nextOf = (answer: Answer): string => String(answer.body['next']);

/** Everything from a position on, page by page, and the position after it. */
async function readOn(reader: Reader, after: string | null, query: Record<string, string> = {}) {
  const ids: string[] = [];
  let next = after;
  for (;;) {
    const page = await feed(reader, { ...query, ...(next === null ? {} : { after: next }) });
    expect(page.status).toBe(200);
    for (const event of page.body['data'] as object[]) expectKnownEvent(event);
    ids.push(...idsOf(page));
    next = nextOf(page);
    if (page.body['hasMore'] !== true) return { ids, next };
  }
}

/** A transaction that has published and is not committed until `commit`. */
async function openTransaction(owner: Owner): Promise<{ ids: string[]; commit: () => Promise<void> }> {
  const published = Promise.withResolvers<string[]>();
  const mayCommit = Promise.withResolvers<void>();
  const done = db.transaction(async (tx) => {
    published.resolve(await publish(tx, owner, 1, 'google_health'));
    await mayCommit.promise;
  });
  return {
    ids: await published.promise,
    commit: () => {
      mayCommit.resolve();
      return done;
    },
  };
}

describe('order', () => {
  it('skips nothing while an earlier transaction is still open', async () => {
    const reader = await anyReader();
    const [first, second] = [await anyOwner(reader), await anyOwner(reader)];
    const { next: start } = await readOn(reader, null);
    const earlier = await openTransaction(first);
    const later = await put(second);

    const before = await readOn(reader, start);
    expect(before.ids).toEqual(later);
    expect((await readOn(reader, before.next)).ids).toEqual([]);

    await earlier.commit();
    expect((await readOn(reader, before.next)).ids).toEqual(earlier.ids);
    expect((await readOn(reader, start)).ids).toEqual([...later, ...earlier.ids]);
  });

  it('brings every event once to a reader who polls while eight publishers commit', async () => {
    const reader = await anyReader();
    const owners = await Promise.all(Array.from({ length: 8 }, () => anyOwner(reader)));
    const { next: start } = await readOn(reader, null);
    const publishers = openDatabase(api.database.url, owners.length, 'publishers');
    const published: string[] = [];
    let publishing = true;
    const publisher = async (owner: Owner): Promise<void> => {
      for (let i = 0; i < 25; i += 1)
        await publishers.transaction(async (tx) => {
          published.push(...(await publish(tx, owner, 1 + Math.floor(Math.random() * 3), 'google_health')));
          await pause(Math.random() * 15);
        });
    };
    const poll = async (): Promise<string[]> => {
      const seen: string[] = [];
      let next = start;
      for (let more = true; more;) {
        more = publishing;
        const page = await readOn(reader, next);
        seen.push(...page.ids);
        next = page.next;
      }
      return seen;
    };
    const readers = [poll(), poll(), poll()];
    await Promise.all(owners.map(publisher)).finally(() => (publishing = false));
    const seen = await Promise.all(readers);
    await closeDatabase(publishers);

    expect(seen[0]).toHaveLength(published.length);
    expect(new Set(seen[0])).toEqual(new Set(published));
    expect(seen).toEqual([seen[0], seen[0], seen[0]]);
    expect((await readOn(reader, start)).ids).toEqual(seen[0]);
  });

  it("keeps the order of a user's events, and pages of one do not change it", async () => {
    const reader = await anyReader();
    const owner = await anyOwner(reader);
    const { next } = await readOn(reader, null);
    const ids = [...(await put(owner, 3)), ...(await put(owner, 2))];
    expect((await readOn(reader, next)).ids).toEqual(ids);
    expect((await readOn(reader, next, { limit: '1' })).ids).toEqual(ids);
  });

  it('is given by one sequencer at a time', async () => {
    const reader = await anyReader();
    const owner = await anyOwner(reader);
    await sequenceEvents(db);
    await put(owner, 50);
    const numbered = await Promise.all(Array.from({ length: 4 }, () => sequenceEvents(db)));
    expect(numbered.reduce((a, b) => a + b)).toBe(50);
    const rows = await db.execute(sql`select feed_seq from events group by feed_seq having count(*) > 1`);
    expect(rows).toHaveLength(0);
  });
});

describe('what an app sees', () => {
  it('is what live grants cover and policies allow now, with the events of the app itself', async () => {
    const [reader, other] = [await anyReader(), await anyReader()];
    const [owner, gone, narrow] = [await anyOwner(reader), await anyOwner(reader), await anyOwner(reader)];
    const foreign = await anyOwner(other);
    const { next } = await readOn(reader, null);
    const visible = await put(owner);
    await put(gone);
    await put(narrow);
    await put(owner, 1, 'strava');
    await put(foreign);
    const ofApp = newId('event');
    await appendAppEvent(
      db,
      { id: ofApp, appId: reader.appId, type: 'endpoint.ping', data: { endpointId: newId('endpoint') } },
      [],
    );
    await revokeGrant(db, reader.appId, gone.userId);
    await grantAccess(db, reader.appId, narrow.userId, ['sleep.read', 'integrations.read']);

    expect((await readOn(reader, next)).ids).toEqual([...visible, ofApp]);
    expect((await readOn(reader, next, { userId: owner.userId })).ids).toEqual(visible);
    expect((await readOn(reader, next, { userId: foreign.userId })).ids).toEqual([]);
    expect((await readOn(reader, next, { types: 'sleep.*,endpoint.ping' })).ids).toEqual([ofApp]);
    expect((await readOn(other, next)).ids).toHaveLength(1);

    await grantAccess(db, reader.appId, narrow.userId, ['body.read']);
    expect((await readOn(reader, next)).ids).toHaveLength(3);
  });

  it('goes on over thousands of events of others, with empty pages that say so', async () => {
    const [reader, other] = [await anyReader(), await anyReader()];
    const [mine, theirs] = [await anyOwner(reader), await anyOwner(other)];
    const { next } = await readOn(reader, null);
    for (let i = 0; i < 6; i += 1) await put(theirs, 1_000);
    const ids = await put(mine);
    const page = await feed(reader, { after: next });
    expect([idsOf(page), page.body['hasMore']]).toEqual([[], true]);
    expect(nextOf(page)).not.toBe(next);
    expect((await readOn(reader, next)).ids).toEqual(ids);
  });

  it('needs a partner’s key', async () => {
    const reader = await anyReader();
    const { userId } = await anyOwner(reader);
    const key = await api.keyOf(reader.appId, userId);
    expect((await api.call(key, 'GET', '/v1/events')).status).toBe(403);
    expect((await api.call(null, 'GET', '/v1/events')).status).toBe(401);
  });
});

describe('one event', () => {
  it('is the body of its webhook, with the records when asked for, and not there for others', async () => {
    const [reader, other] = [await anyReader(), await anyReader()];
    const owner = await anyOwner(reader);
    const [id] = await put(owner);
    const thin = await api.call(reader.key, 'GET', `/v1/events/${id}`);
    expectKnownEvent(thin.body);
    const [listed] = (thin.body['data'] as { records: { id: string }[] }).records;
    await db.insert(records).values({
      id: listed!.id,
      integrationId: owner.integrationId,
      userId: owner.userId,
      provider: 'google_health',
      stream: 'weight',
      sourceId: listed!.id,
      version: 1,
      contentHash: 'x',
      hashVersion: 1,
      orderAt: new Date(),
      startsAt: new Date('2026-11-20T07:00:00Z'),
      localDate: '2026-11-20',
      content: { weightKg: 70 },
      provenance: {},
    });
    const full = await api.call(reader.key, 'GET', `/v1/events/${id}?payload=full`);
    expectKnownEvent(full.body);
    expect(full.body).toMatchObject({ data: { records: [{ id: listed!.id, content: { weightKg: 70 } }] } });

    const path = `/v1/events/${id}`;
    expect((await api.call(other.key, 'GET', path)).status).toBe(404);
    await revokeGrant(db, reader.appId, owner.userId);
    expect((await api.call(reader.key, 'GET', path)).status).toBe(404);
    for (const wrong of ['evt_1', newId('event'), newId('user')])
      expect((await api.call(reader.key, 'GET', `/v1/events/${wrong}`)).status).toBe(404);
  });
});

describe('bad input', () => {
  const encoded = (text: string): string => Buffer.from(text).toString('base64url');

  it.each([
    [{ after: 'garbage' }, 'after'],
    [{ after: encoded('feed:-1') }, 'after'],
    [{ after: encoded('feed:01') }, 'after'],
    [{ after: `${encoded('feed:1')}=` }, 'after'],
    [{ after: encoded('feed:999999999') }, 'after'],
    [{ after: '' }, 'after'],
    [{ types: 'weight.created,nope.*' }, 'types.1'],
    [{ types: '' }, 'types.0'],
    [{ userId: 'me' }, 'userId'],
    [{ limit: '501' }, 'limit'],
    [{ cursor: 'x' }, 'cursor'],
  ])('%j is a 400 that names %s', async (query, field) => {
    const answer = await feed(await anyReader(), query as Record<string, string>);
    expect(answer.body).toMatchObject({ status: 400, code: 'invalid_request' });
    const { fields } = answer.body['details'] as { fields: { field: string }[] };
    expect(fields.map((f) => f.field)).toEqual([field]);
  });

  it('tells a reader whose position is older than what is kept', async () => {
    const reader = await anyReader();
    const owner = await anyOwner(reader);
    const { next } = await readOn(reader, null);
    await put(owner, 3);
    await readOn(reader, next);
    await db.execute(sql`delete from events where feed_seq <= (select max(feed_seq) - 1 from events)`);
    const answer = await feed(reader, { after: next });
    expect(answer.body).toMatchObject({
      status: 400,
      detail: expect.stringContaining('older than what we keep'),
    });
    await db.execute(sql`delete from events`);
    expect((await feed(reader, { after: next })).status).toBe(400);
    expect((await feed(reader)).body).toMatchObject({ data: [], hasMore: false });
  });
});
