import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { STREAM_SHAPES, provenance, type RecordDraft } from '../health/records';
import type { Connector, ConnectorStream, PageRequest, ProviderHttp } from './contract';

/**
 * A recorded conversation about one window and the records it must become. Shape and quirks are a real published
 * answer's, the values are made up; `source` says whose shape and when it was read.
 */
const streamFixture = z.strictObject({
  stream: z.enum(['weight', 'activity']),
  source: z.strictObject({
    docsUrl: z.url({ protocol: /^https$/ }),
    seenIn: z.string().min(10),
    capturedOn: z.iso.date(),
  }),
  quirks: z.array(z.string()).min(1),
  window: z.strictObject({ from: z.iso.datetime(), to: z.iso.datetime() }),
  exchanges: z
    .array(
      z.strictObject({
        path: z.string().startsWith('/'),
        query: z.record(z.string(), z.union([z.string(), z.number()])),
        answer: z.json(),
      }),
    )
    .min(1),
  /** The golden drafts as JSON, each sourceId once, sorted by it. */
  records: z.array(z.json()),
});

export type StreamFixture = z.infer<typeof streamFixture> & { name: string };

/** The folder of a connector is its id with dashes. */
const folderOf = (connector: Connector): string => connector.id.replaceAll('_', '-');

/** The fixtures of one connector, `fixtures/<stream>.<what>.json`. */
export function fixturesOf(connector: Connector): StreamFixture[] {
  const folder = join(__dirname, folderOf(connector), 'fixtures');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => ({
      name: file,
      ...streamFixture.parse(JSON.parse(readFileSync(join(folder, file), 'utf8'))),
    }));
}

export const windowOf = ({ window }: StreamFixture): { from: Date; to: Date } => ({
  from: new Date(window.from),
  to: new Date(window.to),
});

/** A port that answers every request with the same page. */
export const answering = (answer: unknown): ProviderHttp => ({
  getJson: async () => structuredClone(answer),
  postJson: async () => structuredClone(answer),
});

/** A port that replays a fixture's conversation and refuses every request that is not the next one of it. */
export function replaying({ exchanges, name }: StreamFixture): ProviderHttp {
  const rest = [...exchanges];
  return {
    async getJson(path, query = {}) {
      const next = rest.shift();
      const asked = JSON.stringify({ path, query: sorted(query) });
      const expected = next && JSON.stringify({ path: next.path, query: sorted(next.query) });
      if (asked !== expected) throw new Error(`${name}: asked ${asked}, recorded ${expected ?? 'no more'}`);
      return structuredClone(next?.answer);
    },
    postJson: () => Promise.reject(new Error(`${name} records no POST`)),
  };
}

const sorted = (query: Readonly<Record<string, string | number>>) =>
  Object.fromEntries(Object.entries(query).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Reads a window to its end, as the engine does. `tokens` are the page tokens that were asked for, in order. */
export async function readWindow(
  stream: ConnectorStream,
  http: ProviderHttp,
  window: { from: Date; to: Date },
): Promise<{ records: RecordDraft[]; tokens: PageRequest['pageToken'][] }> {
  const records: RecordDraft[] = [];
  const tokens: PageRequest['pageToken'][] = [];
  let pageToken: string | null = null;
  do {
    tokens.push(pageToken);
    const page = await stream.fetchPage(http, { ...window, pageToken });
    records.push(...page.records);
    pageToken = page.next;
  } while (pageToken !== null);
  return { records, tokens };
}

/** De-duplicated and sorted by identity, as a page is before it is written; as JSON, to compare with golden records. */
export function asGolden(records: readonly RecordDraft[]): unknown {
  const byId = new Map(records.map((draft) => [draft.sourceId, draft]));
  const list = [...byId.values()].sort((a, b) => (a.sourceId < b.sourceId ? -1 : 1));
  return JSON.parse(JSON.stringify(list)) as unknown;
}

/** Why a draft cannot be stored, null when it can. */
export function draftFault(
  stream: ConnectorStream,
  draft: RecordDraft,
  { from, to }: { from: Date; to: Date },
): string | null {
  if (draft.sourceId === '' || !draft.sourceId.isWellFormed()) return 'sourceId';
  if (!(draft.startsAt >= from && draft.startsAt < to)) return 'startsAt is outside the window';
  if (draft.endsAt && !(draft.endsAt >= draft.startsAt)) return 'endsAt';
  if (draft.offsetMinutes !== null && !(Math.abs(draft.offsetMinutes) <= 1080)) return 'offsetMinutes';
  if (!z.iso.date().safeParse(draft.localDate).success) return 'localDate';
  if (draft.modifiedAt && Number.isNaN(draft.modifiedAt.getTime())) return 'modifiedAt';
  if (!STREAM_SHAPES[stream.stream].content.safeParse(draft.content).success) return 'content';
  if (!provenance.safeParse(draft.provenance).success) return 'provenance';
  const stored = JSON.stringify([draft.content, draft.provenance, draft.sourceId]);
  return /\\u0000|\\ud[89a-f]/i.test(stored) ? 'text that PostgreSQL refuses' : null;
}
