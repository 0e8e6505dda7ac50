import { isoSeconds } from '../local-time';
import type { Timed } from '../timed-stream';
import { civilTimeJson } from './civil-json';

export type Origin = 'scale' | 'manual' | 'health_connect';

/** One weight sample, in our words. Its two JSON forms are rendered once. */
export interface WeightPoint extends Timed {
  readonly id: string;
  readonly timeMs: number;
  readonly offsetS: number;
  readonly weightG: number;
  readonly origin: Origin;
  listJson?: string;
  reconcileJson?: string;
}

/** `dataSource` by origin; Health Connect's has an empty device and the writing app's package. */
export const DATA_SOURCES: Readonly<Record<Origin, string>> = {
  scale: '{"recordingMethod":"PASSIVELY_MEASURED","platform":"FITBIT","device":{"displayName":"Aria Air"}}',
  manual: '{"recordingMethod":"MANUAL","platform":"FITBIT"}',
  health_connect:
    '{"recordingMethod":"UNKNOWN","platform":"HEALTH_CONNECT","device":{},"application":{"packageName":"com.withings.wiscale2"}}',
};

const valueJson = (p: WeightPoint): string =>
  `"weight":{"weightGrams":${p.weightG},"sampleTime":{"physicalTime":"${isoSeconds(p.timeMs)}","utcOffset":"${p.offsetS}s","civilTime":${civilTimeJson(p.timeMs, p.offsetS)}}}`;

/** As `list` and `get` answer it: `name` with the numeric user id, and the source. */
export function weightListJson(point: WeightPoint, userId: string): string {
  point.listJson ??= `{"name":"users/${userId}/dataTypes/weight/dataPoints/${point.id}","dataSource":${DATA_SOURCES[point.origin]},${valueJson(point)}}`;
  return point.listJson;
}

/** As `reconcile` answers it: `dataPointName`, no source. */
export function weightReconcileJson(point: WeightPoint, userId: string): string {
  point.reconcileJson ??= `{"dataPointName":"users/${userId}/dataTypes/weight/dataPoints/${point.id}",${valueJson(point)}}`;
  return point.reconcileJson;
}
