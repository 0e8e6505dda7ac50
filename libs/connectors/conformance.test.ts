import { AppError } from '../core/errors';
import { PROVIDERS } from '../core/providers';
import { contentHash } from '../health/content-hash';
import type { RecordDraft } from '../health/records';
import { classifyResponse } from './classify-response';
import {
  answering,
  asGolden,
  draftFault,
  fixturesOf,
  readWindow,
  replaying,
  windowOf,
  type StreamFixture,
} from './conformance';
import { brokenPages, extendedPage } from './conformance-fuzz';
import type { Connector, ConnectorStream } from './contract';
import { providerResponse } from './provider-response';
import { CONNECTORS, connectorOf } from './registry';

const NOW = new Date('2026-11-20T10:07:00Z');
const HTML = '<html><head><title>502 Bad Gateway</title></head><body>secret-body</body></html>';
const JSON_TYPE = { 'content-type': 'application/json' };

const answer = (status: number, body: string, headers: Record<string, string> = JSON_TYPE) =>
  providerResponse(status, Object.entries(headers), body);

function streamOf(connector: Connector, fixture: StreamFixture): ConnectorStream {
  const stream = connector.streams.find((s) => s.stream === fixture.stream);
  if (!stream) throw new Error(`${fixture.name} is of a stream that ${connector.id} does not have`);
  return stream;
}

test('the registry holds known providers, each once', () => {
  const ids = CONNECTORS.map((c) => c.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(PROVIDERS).toContain(id);
  expect(() => connectorOf('nokia')).toThrow(expect.objectContaining({ code: 'unknown_provider' }));
});

describe.each(CONNECTORS.map((c) => [c.id, c] as const))('%s', (_id, connector) => {
  const fixtures = fixturesOf(connector);

  test('declares itself consistently', () => {
    const { auth } = connector;
    for (const url of [
      connector.baseUrl,
      connector.docsUrl,
      auth.authorizationUrl,
      auth.tokenUrl,
      auth.revocationUrl,
      auth.issuer,
    ]) {
      expect(new URL(url).protocol).toBe('https:');
    }
    expect(connector.policy.note.length).toBeGreaterThan(20);
    expect(connector.streams.length).toBeGreaterThan(0);
    for (const stream of connector.streams) {
      expect(stream.anyScope.some((scope) => auth.scopes.includes(scope))).toBe(true);
      expect(stream.overlapDays).toBeLessThan(stream.windowDays);
      expect(stream.pageTokenTtlMs).toBeGreaterThan(60_000);
    }
  });

  test('has two real shapes and an empty answer of every stream', () => {
    for (const { stream } of connector.streams) {
      const own = fixtures.filter((f) => f.stream === stream);
      expect(own.filter((f) => f.records.length > 0).length).toBeGreaterThanOrEqual(2);
      expect(own.some((f) => f.records.length === 0)).toBe(true);
    }
  });

  describe.each(fixtures.map((f) => [f.name, f] as const))('%s', (_name, fixture) => {
    const stream = streamOf(connector, fixture);
    const window = windowOf(fixture);

    test('becomes its golden records, by exactly the recorded requests', async () => {
      const { records, tokens } = await readWindow(stream, replaying(fixture), window);
      expect(asGolden(records)).toEqual(fixture.records);
      expect(tokens).toHaveLength(fixture.exchanges.length);
      for (const draft of records) expect(draftFault(stream, draft, window)).toBeNull();
    });

    test('gives the same identities and hashes when a page is read again', async () => {
      const { tokens } = await readWindow(stream, replaying(fixture), window);
      for (const [i, { answer: page }] of fixture.exchanges.entries()) {
        const request = { ...window, pageToken: tokens[i] ?? null };
        const first = await stream.fetchPage(answering(page), request);
        const again = await stream.fetchPage(answering(extendedPage(page)), request);
        expect(again).toEqual(first);
        expect(again.records.map((d) => contentHash(stream.stream, withFloatNoise(d)))).toEqual(
          first.records.map((d) => contentHash(stream.stream, d)),
        );
      }
    });

    test('a broken page is bad data or tolerated, never a crash and never an unstorable record', async () => {
      const { tokens } = await readWindow(stream, replaying(fixture), window);
      const crashes: string[] = [];
      for (const [i, exchange] of fixture.exchanges.entries()) {
        for (const { label, page } of brokenPages(exchange.answer)) {
          try {
            const { records } = await stream.fetchPage(answering(page), {
              ...window,
              pageToken: tokens[i] ?? null,
            });
            for (const draft of records) {
              const fault = draftFault(stream, draft, window);
              if (fault) crashes.push(`${label}: ${fault}`);
              contentHash(stream.stream, draft);
            }
          } catch (error) {
            const isBadData = error instanceof AppError && error.code === 'provider_bad_data';
            if (!isBadData) crashes.push(`${label}: ${String(error)}`);
          }
        }
      }
      expect(crashes).toEqual([]);
    });
  });

  test('a server that repeats one page for ever is found out', async () => {
    for (const fixture of fixtures.filter((f) => f.exchanges.length > 1)) {
      const endless = answering(fixture.exchanges[0]?.answer);
      const reading = readWindow(streamOf(connector, fixture), endless, windowOf(fixture));
      await expect(reading).rejects.toMatchObject({ code: 'provider_bad_data' });
    }
  });

  test('classifies what every provider can answer', () => {
    const codeOf = (status: number, body: string, headers?: Record<string, string>) =>
      classifyResponse(connector, answer(status, body, headers), NOW).code;
    expect(codeOf(429, '{}')).toBe('provider_rate_limited');
    expect(codeOf(429, HTML, { 'content-type': 'text/html', 'retry-after': '20' })).toBe(
      'provider_rate_limited',
    );
    expect(codeOf(401, '{}')).toBe('token_rejected');
    expect(codeOf(401, '')).toBe('token_rejected');
    expect(codeOf(403, '{}')).toBe('scope_missing');
    expect(codeOf(403, HTML, { 'content-type': 'text/html' })).toBe('provider_unavailable');
    expect(codeOf(502, HTML, { 'content-type': 'text/html' })).toBe('provider_unavailable');
    expect(codeOf(302, '')).toBe('provider_unavailable');
    expect(codeOf(400, '{}')).toBe('provider_rejected');
    const busy = classifyResponse(connector, answer(503, HTML, { 'retry-after': '30' }), NOW);
    expect(busy).toMatchObject({ code: 'provider_unavailable', retryAfterMs: 30_000 });
  });

  test('no answer crashes the judgement, leaks its body or kills a grant by accident', () => {
    const bodies = [
      '',
      HTML,
      'null',
      '[]',
      '"text"',
      '1',
      '{"error":1}',
      '{"error":{}}',
      '{"errors":"x"}',
      '{"a',
    ];
    for (const status of [200, 204, 302, 400, 401, 402, 403, 404, 409, 418, 429, 500, 502, 503, 599]) {
      for (const body of bodies) {
        const response = answer(status, body);
        const error = classifyResponse(connector, response, NOW);
        expect(error).toBeInstanceOf(AppError);
        expect(error.message).not.toContain('secret-body');
        expect(error.message.length).toBeLessThan(120);
        expect(connector.auth.isDeadGrant(response)).toBe(false);
        expect(connector.auth.isInvalidClient(response)).toBe(false);
      }
    }
  });
});

/** The same draft with numbers a provider may send for the same measurement. */
const withFloatNoise = (draft: RecordDraft): RecordDraft => ({
  ...draft,
  content: Object.fromEntries(
    Object.entries(draft.content).map(([k, v]) => [k, typeof v === 'number' ? v + 1e-9 : v]),
  ) as RecordDraft['content'],
});
