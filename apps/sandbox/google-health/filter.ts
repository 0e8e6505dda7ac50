import { invalidFilter } from './refusals';

interface Range {
  fromMs: number;
  toMs: number;
}

/** What a filter selects: closed-open ranges that must both hold. Civil times are counted as if they were UTC. */
export interface PointFilter {
  physical: Range;
  civil: Range;
}

export type DataType = 'weight' | 'exercise';

/** Which fields each data type may be filtered by; every other field is refused, as the real service does. */
const ALLOWED_FIELDS: Readonly<Record<DataType, Readonly<Record<string, keyof PointFilter>>>> = {
  weight: { 'weight.sample_time.physical_time': 'physical', 'weight.sample_time.civil_time': 'civil' },
  exercise: { 'exercise.interval.civil_start_time': 'civil' },
};

const TERM = /^([A-Za-z_][A-Za-z0-9_.]*)\s*(>=|<=|!=|=|<|>|:)\s*"([^"]*)"$/;
const PHYSICAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
const CIVIL_TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2})?$/;

const everything = (): Range => ({
  fromMs: Number.NEGATIVE_INFINITY,
  toMs: Number.POSITIVE_INFINITY,
});

/**
 * Parses the subset of AIP-160 that the service knows: `field >= "time" AND field < "time"`.
 * @throws ProviderRefusal 400 `INVALID_DATA_POINT_FILTER`
 */
export function parseFilter(dataType: DataType, text: string): PointFilter {
  const filter: PointFilter = { physical: everything(), civil: everything() };
  if (text.trim() === '') return filter;
  for (const term of text.split(/\sAND\s/)) {
    const match = TERM.exec(term.trim());
    if (match === null) throw invalidFilter(`Invalid filter: cannot parse "${term.trim()}".`);
    const [, field = '', operator = '', value = ''] = match;
    const kind = Object.hasOwn(ALLOWED_FIELDS[dataType], field) ? ALLOWED_FIELDS[dataType][field] : undefined;
    if (kind === undefined)
      throw invalidFilter(`Invalid filter: field "${field}" is not supported for data type "${dataType}".`);
    const instantMs = readTime(kind, value);
    if (operator === '>=') filter[kind].fromMs = Math.max(filter[kind].fromMs, instantMs);
    else if (operator === '<') filter[kind].toMs = Math.min(filter[kind].toMs, instantMs);
    else throw invalidFilter(`Invalid filter: operator "${operator}" is not supported, use ">=" or "<".`);
  }
  return filter;
}

function readTime(kind: keyof PointFilter, value: string): number {
  const isShaped = (kind === 'physical' ? PHYSICAL_TIME : CIVIL_TIME).test(value);
  const text = kind === 'physical' ? value : `${value.length === 10 ? `${value}T00:00:00` : value}Z`;
  const instantMs = isShaped ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(instantMs)) throw invalidFilter(`Invalid filter: "${value}" is not a ${kind} time.`);
  return instantMs;
}
