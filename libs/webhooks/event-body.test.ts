import { eventBody } from './event-body';
import type { OutgoingEvent, RecordNow } from './outgoing-event';

const event: OutgoingEvent = {
  id: 'evt_1',
  type: 'weight.updated',
  occurredAt: '2026-11-22T10:00:00.000Z',
  userId: 'usr_1',
  integrationId: 'int_1',
  seq: 7,
  data: {
    to: '2026-11-21T00:00:00.000Z',
    count: 2,
    records: [
      { version: 2, id: 'rec_1' },
      { id: 'rec_2', version: 1 },
    ],
    from: '2026-11-20T00:00:00.000Z',
  },
};

const now = (id: string, version: number, deleted = false): [string, RecordNow] => [
  id,
  { id, version, deleted, fields: { content: { weightKg: 80.5 } } },
];

test('a thin body is these bytes, whatever order the database gave the fields in', () => {
  expect(eventBody(event, null)).toBe(
    '{"id":"evt_1","type":"weight.updated","apiVersion":"2026-11-01","occurredAt":"2026-11-22T10:00:00.000Z",' +
      '"userId":"usr_1","integrationId":"int_1","seq":7,"data":{"count":2,"from":"2026-11-20T00:00:00.000Z",' +
      '"to":"2026-11-21T00:00:00.000Z","records":[{"id":"rec_1","version":2},{"id":"rec_2","version":1}]}}',
  );
});

test('a full body carries content only under the version it belongs to', () => {
  const recordsOf = (rows: [string, RecordNow][]) => JSON.parse(eventBody(event, new Map(rows))).data.records;
  expect(recordsOf([now('rec_1', 2), now('rec_2', 3)])).toEqual([
    { id: 'rec_1', version: 2, content: { weightKg: 80.5 } },
    { id: 'rec_2', version: 1, superseded: true },
  ]);
  expect(recordsOf([now('rec_1', 2, true)])).toEqual([
    { id: 'rec_1', version: 2, deleted: true },
    { id: 'rec_2', version: 1, superseded: true },
  ]);
});

test('events without a list carry their data alone', () => {
  const body = eventBody({ ...event, data: { runId: 'run_1' } }, null);
  expect(JSON.parse(body).data).toEqual({ runId: 'run_1' });
});
