import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectKnownEvent } from '../../test/support/event-contract';
import { newId } from '../core/ids';
import { boundedEventBody, eventBody } from './event-body';
import { eventJsonSchemaOf } from './event-schemas';
import { EVENT_TYPES, findEventType } from './event-types';
import type { OutgoingEvent, RecordNow } from './outgoing-event';

const record = (version = 1) => ({ id: newId('record'), version });

const eventOf = (type: string, data: OutgoingEvent['data']): OutgoingEvent => {
  const ofApp = type.startsWith('endpoint.');
  return {
    id: newId('event'),
    type,
    occurredAt: '2026-11-22T10:00:00.000Z',
    userId: ofApp ? null : newId('user'),
    integrationId: ofApp ? null : newId('integration'),
    seq: ofApp ? null : 7,
    data,
  };
};

const range = { count: 2, from: '2026-11-20T00:00:00.000Z', to: '2026-11-21T00:00:00.000Z' };

test('every type of the catalogue has a JSON Schema 2020-12 whose $id carries the API version', () => {
  for (const info of EVENT_TYPES) {
    const schema = eventJsonSchemaOf(info);
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: `urn:diettracker:event:${info.type}:2026-11-01`,
      type: 'object',
      additionalProperties: false,
    });
  }
});

describe('bodies of records', () => {
  const [first, second] = [record(), record(2)];
  const event = eventOf('weight.updated', { ...range, records: [first, second] });
  const now = (values: Partial<RecordNow>): RecordNow => ({
    id: first.id,
    version: 1,
    deleted: false,
    fields: {
      startsAt: '2026-11-20T00:00:00.000Z',
      endsAt: null,
      offsetMinutes: 60,
      localDate: '2026-11-20',
      content: { weightKg: 80.5 },
      provenance: { device: 'Scale' },
    },
    ...values,
  });
  const full = (values: Partial<RecordNow>) => eventBody(event, new Map([[first.id, now(values)]]));

  it('are known thin, full, superseded, deleted, cut to a link, and without a list', () => {
    expectKnownEvent(eventBody(event, null));
    expectKnownEvent(full({}));
    expectKnownEvent(full({ version: 3 }));
    expectKnownEvent(full({ deleted: true }));
    const long = { ...event, data: { ...range, records: Array.from({ length: 6_000 }, () => record()) } };
    const cut = boundedEventBody(long, null, 'https://api.example');
    expect(JSON.parse(cut)).toMatchObject({ link: `https://api.example/v1/events/${event.id}` });
    expectKnownEvent(cut);
    expectKnownEvent(eventBody(eventOf('heart_rate.created', range), null));
  });

  it.each([
    ['a field nobody knows', { ...event, extra: 1 }],
    ['content of another stream', JSON.parse(full({ fields: { content: { sport: 'Run' } } }))],
    ['no range', { ...event, data: { count: 1 } }],
    ['no user', { ...event, userId: null }],
    ['a type nobody knows', { ...event, type: 'weight.exploded' }],
  ])('with %s are not', (_, body: object) => {
    const versioned = { apiVersion: '2026-11-01', ...body };
    expect(() => expectKnownEvent(versioned)).toThrow(/does not fit|catalogue/);
  });
});

test.each([
  ['integration.connected', { streams: ['weight'], missingStreams: [] }],
  ['integration.needs_reauth', { reason: 'reauth_required' }],
  ['integration.needs_reauth', { reason: null, streams: [], missingStreams: ['sleep'] }],
  ['integration.disconnected', {}],
  ['endpoint.ping', { endpointId: newId('endpoint') }],
  [
    'endpoint.disabled',
    { endpointId: newId('endpoint'), url: 'https://x.example/', reason: 'endpoint_gone' },
  ],
])('%s %j is known', (type, data) => {
  expectKnownEvent(eventBody(eventOf(type, data), null));
});

/** Every text that product code puts into an event's `type`. */
function emittedTypes(): string[] {
  const files = ['libs', 'apps/api', 'activities'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  );
  const sources = files.filter((file) => file.endsWith('.ts') && !/\.test\.ts$|api-client/.test(file));
  return sources.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/\btype: [^\n]*/g)].flatMap(([line]) =>
      [...line.matchAll(/'([a-z_]+\.[a-z_]+)'/g)].map((found) => found[1]!),
    ),
  );
}

test('what the code emits is in the catalogue', () => {
  const types = emittedTypes();
  expect(new Set(types)).toEqual(new Set(types.filter((type) => findEventType(type) !== null)));
  expect(types).toEqual(
    expect.arrayContaining([
      'integration.connected',
      'integration.needs_reauth',
      'integration.disconnected',
      'sync.completed',
      'endpoint.disabled',
    ]),
  );
});
