/** One record in an event's list. */
export interface EventRecord {
  id: string;
  version: number;
}

/** The `data` of an event row: count, range (ISO 8601) and list for record events, words of its own for others. */
export interface EventData {
  records?: readonly EventRecord[];
  readonly [field: string]: unknown;
}

/** An event as partners see it. */
export interface OutgoingEvent {
  id: string;
  type: string;
  /** ISO 8601, UTC, milliseconds. */
  occurredAt: string;
  /** Null, like integration and sequence, for events about an app itself (`endpoint.*`). */
  userId: string | null;
  integrationId: string | null;
  /** The event's place in the user's order. */
  seq: number | null;
  data: EventData;
}

/** The present state of a record, for full bodies. */
export interface RecordNow {
  id: string;
  version: number;
  deleted: boolean;
  /** What a full body adds to id and version. */
  fields: Readonly<Record<string, unknown>>;
}
