import type { AttemptLedgerRow, DeliveryLedgerRow, EventRow } from './ledger-rows';
import { isAccepted, type ReceivedRequest } from './flapping-receiver';
import type { Endpoint } from './partners';
import type { PublishedEvent } from './publisher';
import { isVerified } from './signature-check';

/** A time in which a sender may have been unable to write what it had sent. Unix ms. */
export interface Disturbance {
  what: string;
  startMs: number;
  endMs: number;
}

export interface Books {
  published: ReadonlyMap<string, PublishedEvent>;
  endpoints: readonly Endpoint[];
  /** The endpoint that never came back. */
  deadEndpointId: string;
  requests: readonly ReceivedRequest[];
  disturbances: readonly Disturbance[];
  events: readonly EventRow[];
  deliveries: readonly DeliveryLedgerRow[];
  attempts: readonly AttemptLedgerRow[];
}

/** What is wrong, each a sentence; empty lists are what a test wants. */
export interface Audit {
  lost: string[];
  faults: string[];
  /** Accepted requests beyond the first of a delivery. */
  duplicates: number;
  /** Requests that stand in no attempt row. */
  cutRequests: number;
  /** Rows, requests, and those of them that were checked with both secrets of a rotation. */
  deliveries: number;
  requests: number;
  signedTwice: number;
}

const group = <T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of list) {
    const key = keyOf(item);
    const members = groups.get(key);
    if (members) members.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

const pair = (eventId: string, endpointId: string): string => `${eventId} → ${endpointId}`;
const tryOf = (deliveryId: string, number: number): string => `${deliveryId} attempt ${number}`;

/** Compares what was committed, what the ledger says and what the receivers saw. */
export function audit(books: Books): Audit {
  const result: Audit = {
    lost: [],
    faults: [],
    duplicates: 0,
    cutRequests: 0,
    deliveries: books.deliveries.length,
    requests: books.requests.length,
    signedTwice: books.requests.filter((r) => r.signatures.rotated !== null).length,
  };
  auditEvents(books, result.faults);
  auditDeliveries(books, result);
  auditRequests(books, result.faults);
  auditAttempts(books, result);
  return result;
}

/** Every commit is there, nothing else, and each user's sequence has neither gap nor double. */
function auditEvents({ published, events }: Books, faults: string[]): void {
  const ids = new Set(events.map((e) => e.id));
  for (const id of published.keys()) if (!ids.has(id)) faults.push(`event ${id} was committed and is gone`);
  for (const id of ids) if (!published.has(id)) faults.push(`event ${id} was never published`);
  for (const [userId, own] of group(events, (e) => e.userId)) {
    const seqs = own.map((e) => e.seq).sort((a, b) => a - b);
    if (seqs.some((seq, i) => seq !== i + 1))
      faults.push(`the sequence of user ${userId} has a gap or a double`);
  }
}

/** Must this endpoint get this event? Said anew here, not asked from the product. */
function mustGet({ users, weightOnlyUsers, eventTypes }: Endpoint, event: PublishedEvent): boolean {
  const isWeight = event.type === 'weight.created';
  const granted = users.has(event.userId) || (isWeight && weightOnlyUsers.has(event.userId));
  return granted && (isWeight || eventTypes.includes('*'));
}

/** Exactly the granted pairs have a row; every one of an endpoint that came back arrived, and the row says so. */
function auditDeliveries(books: Books, result: Audit): void {
  const rows = group(books.deliveries, (d) => pair(d.eventId, d.endpointId));
  const accepted = new Set(books.requests.filter(isAccepted).map((r) => pair(r.eventId, r.endpointId)));
  const expected = new Set<string>();
  for (const endpoint of books.endpoints) {
    const mayBeOpen = endpoint.id === books.deadEndpointId;
    for (const event of books.published.values()) {
      if (!mustGet(endpoint, event)) continue;
      const key = pair(event.id, endpoint.id);
      expected.add(key);
      const [row, ...more] = rows.get(key) ?? [];
      if (!mayBeOpen && !accepted.has(key)) result.lost.push(`${key} (${row?.status ?? 'no row'})`);
      if (row === undefined || more.length > 0)
        result.faults.push(`${key} has ${row ? more.length + 1 : 'no'} delivery rows`);
      else auditStatus(row, accepted.has(key), mayBeOpen, result.faults);
    }
  }
  for (const key of rows.keys())
    if (!expected.has(key)) result.faults.push(`a delivery row without a grant: ${key}`);
}

const ENDED_BADLY: readonly string[] = ['failed', 'cancelled'];

function auditStatus(
  row: DeliveryLedgerRow,
  wasAccepted: boolean,
  mayBeOpen: boolean,
  faults: string[],
): void {
  if (row.status === 'delivered') {
    if (!wasAccepted) faults.push(`${row.id} is delivered in the ledger, but was never accepted`);
  } else if (!mayBeOpen || ENDED_BADLY.includes(row.status)) faults.push(`${row.id} ended as ${row.status}`);
}

/** Every request is signed, of a delivery in the ledger, and the same bytes as the others of its delivery. */
function auditRequests(books: Books, faults: string[]): void {
  const rows = new Map(books.deliveries.map((d) => [d.id, d]));
  const seqs = new Map(books.events.map((e) => [e.id, e.seq]));
  for (const r of books.requests) {
    const row = rows.get(r.deliveryId);
    const where = `the request ${tryOf(r.deliveryId, r.attempt)} of ${pair(r.eventId, r.endpointId)}`;
    if (row?.eventId !== r.eventId || row.endpointId !== r.endpointId) faults.push(`${where} has no row`);
    if (!isVerified(r.signatures)) faults.push(`${where} does not verify: ${JSON.stringify(r.signatures)}`);
    if (r.body.id !== r.eventId) faults.push(`${where} carries the body of ${r.body.id}`);
    if (r.seq !== seqs.get(r.eventId) || r.body.seq !== r.seq) faults.push(`${where} has sequence ${r.seq}`);
    if (r.type !== books.published.get(r.eventId)?.type) faults.push(`${where} has type ${r.type}`);
  }
  for (const [deliveryId, own] of group(books.requests, (r) => r.deliveryId))
    if (new Set(own.map((r) => r.bodySha256)).size > 1) faults.push(`the body of ${deliveryId} changed`);
  for (const { receiver } of books.endpoints)
    for (const stray of receiver.strays) faults.push(`${receiver.endpointId} got a stray ${stray}`);
}

/** How long before a disturbance an answer may have come whose result was not written yet. */
const UNWRITTEN_MS = 3_000;

/**
 * Each attempt row with a status is a request that was answered so, and each request is an attempt row but those whose
 * sender was cut before it could write.
 */
function auditAttempts(books: Books, result: Audit): void {
  const requests = group(books.requests, (r) => tryOf(r.deliveryId, r.attempt));
  const rows = group(books.attempts, (a) => tryOf(a.deliveryId, a.number));
  for (const [key, [row]] of rows) {
    const isSeen = requests.get(key)?.some((r) => r.status === row!.statusCode && isSettled(r));
    if (row!.statusCode !== null && !isSeen)
      result.faults.push(`${key} is in the ledger with ${row!.statusCode}, but no receiver answered so`);
  }
  for (const [key, seen] of requests) {
    const unwritten = seen.length - (rows.has(key) ? 1 : 0);
    result.cutRequests += unwritten;
    const excused = seen.filter((r) => books.disturbances.some((d) => overlaps(r, d))).length;
    if (unwritten > excused)
      result.faults.push(
        `${key} was received ${seen.length} times, ${excused} of them around a disturbance, and has ` +
          `${rows.has(key) ? 'one attempt row' : 'no attempt row'}: ${seen.map(describe).join('; ')}`,
      );
  }
  const perDelivery = group(books.requests.filter(isAccepted), (r) => r.deliveryId);
  for (const own of perDelivery.values()) result.duplicates += own.length - 1;
  for (const { id, attempts } of books.deliveries) {
    if (attempts > 0 && !rows.has(tryOf(id, attempts)))
      result.faults.push(`${id} counts ${attempts} attempts, the last is not in the ledger`);
  }
}

const describe = (r: ReceivedRequest): string =>
  `${new Date(r.startedAt).toISOString()} answered ${r.status ?? 'nothing'}`;

const isSettled = (r: ReceivedRequest): boolean => r.complete || r.status === null || r.status >= 300;

const overlaps = (r: ReceivedRequest, { startMs, endMs }: Disturbance): boolean =>
  r.startedAt <= endMs && (r.endedAt ?? Number.POSITIVE_INFINITY) >= startMs - UNWRITTEN_MS;
