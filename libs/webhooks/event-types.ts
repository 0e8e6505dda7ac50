import { STREAMS, type StreamName } from '../core/providers';

const RECORD_CHANGES = ['created', 'updated', 'deleted'] as const;
type RecordChange = (typeof RECORD_CHANGES)[number];

/** Types that are not about records. */
const OTHER_TYPES = {
  'integration.connected': 'a user connected an app, or connected it again',
  'integration.degraded': 'the last sync of an integration failed in part or in full; it is tried again',
  'integration.recovered': 'an integration that was degraded works again',
  'integration.needs_reauth': 'the user must connect the app again; until then nothing is synced',
  'integration.paused': 'syncs of an integration are paused',
  'integration.resumed': 'syncs of an integration go on',
  'integration.disconnected': 'the user disconnected the app; no more data comes from it',
  'sync.completed': 'a sync changed records; the counts per stream are in `data`',
  'endpoint.ping': 'sent when you ask for it, to try the endpoint',
  'endpoint.disabled': 'one of your endpoints was disabled; sent to the others',
} as const;

type RecordEventType = `${StreamName}.${RecordChange}`;
export type OtherEventType = keyof typeof OTHER_TYPES;
export type EventType = RecordEventType | OtherEventType;

export interface EventTypeInfo {
  type: EventType;
  /** Null for events that carry no records. */
  stream: StreamName | null;
  description: string;
}

/** The catalogue of event types, in the order partners read it. */
export const EVENT_TYPES: readonly EventTypeInfo[] = [
  ...STREAMS.flatMap((stream) =>
    RECORD_CHANGES.map((change) => ({
      type: `${stream}.${change}` as const,
      stream,
      description: `records of the stream \`${stream}\` were ${change}`,
    })),
  ),
  ...Object.entries(OTHER_TYPES).map(([type, description]) => ({
    type: type as OtherEventType,
    stream: null,
    description,
  })),
];

export const findEventType = (text: string): EventTypeInfo | null =>
  EVENT_TYPES.find(({ type }) => type === text) ?? null;

const GROUPS = new Set(EVENT_TYPES.map(({ type }) => type.slice(0, type.indexOf('.'))));

/** May this text stand in an endpoint's `eventTypes`: an exact type, `<word>.*` of a known group, or `*`? */
export const isEventTypePattern = (text: string): boolean =>
  text === '*' || findEventType(text) !== null || (text.endsWith('.*') && GROUPS.has(text.slice(0, -2)));
