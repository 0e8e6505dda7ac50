import { ProviderRefusal } from '../provider-refusal';
import { type DataType, parseFilter } from './filter';

const T = Date.UTC(2026, 10, 20);

function refusal(dataType: DataType, text: string): unknown {
  try {
    parseFilter(dataType, text);
    return 'accepted';
  } catch (error) {
    if (error instanceof ProviderRefusal) return [error.status, JSON.stringify(error.body)];
    throw error;
  }
}

test('an empty filter selects everything', () => {
  expect(parseFilter('weight', ' ').physical).toEqual({ fromMs: -Infinity, toMs: Infinity });
});

test('both bounds, with offsets, fractions and any spacing', () => {
  const filter = parseFilter(
    'weight',
    'weight.sample_time.physical_time >= "2026-11-20T01:00:00+01:00" AND weight.sample_time.physical_time<"2026-11-20T00:00:00.500Z"',
  );
  expect(filter.physical).toEqual({ fromMs: T, toMs: T + 500 });
  expect(filter.civil.fromMs).toBe(-Infinity);
});

test('repeated bounds narrow the range', () => {
  const filter = parseFilter(
    'exercise',
    'exercise.interval.civil_start_time >= "2026-11-19" AND exercise.interval.civil_start_time >= "2026-11-20"',
  );
  expect(filter.civil.fromMs).toBe(T);
});

test.each<[DataType, string]>([
  ['exercise', 'exercise.interval.start_time >= "2026-11-20T00:00:00Z"'],
  ['weight', 'exercise.interval.civil_start_time >= "2026-11-20"'],
  ['weight', 'weight.sampleTime.physicalTime >= "2026-11-20T00:00:00Z"'],
  ['weight', 'weight.sample_time.physical_time >= "2026-11-20"'],
  ['weight', 'weight.sample_time.physical_time >= "2026-13-45T00:00:00Z"'],
  ['weight', 'weight.sample_time.civil_time >= "2026-11-20T00:00:00Z"'],
  ['weight', 'weight.sample_time.physical_time <= "2026-11-20T00:00:00Z"'],
  ['weight', 'weight.sample_time.physical_time > "2026-11-20T00:00:00Z"'],
  ['weight', 'weight.sample_time.physical_time >= 2026-11-20T00:00:00Z'],
  ['weight', 'weight.sample_time.physical_time >= "2026-11-20T00:00:00Z" OR toString >= "x"'],
  ['weight', 'toString >= "2026-11-20"'],
])('%s refuses %s', (dataType, text) => {
  expect(refusal(dataType, text)).toEqual([400, expect.stringContaining('INVALID_DATA_POINT_FILTER')]);
});
