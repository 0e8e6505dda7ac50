import type { DeliveryStatus } from '../db/schema/webhooks';
import type { ExecutionState } from './delivery-executions';
import { alignmentOf } from './follow-execution';

const delivery = (status: DeliveryStatus, rowLeads: boolean, overdueMs: number | null) => ({
  id: 'whd_1',
  status,
  overdueMs,
  askedBy: rowLeads ? 1 : null,
  version: '1',
});

const SLEEPS: ExecutionState = { kind: 'running', wakesInMs: 3_600_000 };
const AT_WORK: ExecutionState = { kind: 'running', wakesInMs: null };
const PAUSED: ExecutionState = { kind: 'paused', atWork: false };
const PAUSING: ExecutionState = { kind: 'paused', atWork: true };
const CANCELLED: ExecutionState = { kind: 'cancelled', by: 'ann', ours: false };
const OURS: ExecutionState = { kind: 'cancelled', by: null, ours: true };
const CANCELLING: ExecutionState = { kind: 'cancelling', ours: false };

const led = (verb: string, by: string | null, executionLives: boolean) => ({
  row: { verb, by, executionLives },
});

/** Row, does it lead, how long overdue, execution, what follows. */
const CASES: [DeliveryStatus, boolean, number | null, ExecutionState, object][] = [
  ['retrying', false, -1, SLEEPS, { inLine: true }],
  ['retrying', false, 1, SLEEPS, { tell: 'reset' }],
  ['retrying', true, 1, SLEEPS, { tell: 'reset' }],
  ['retrying', true, -1, SLEEPS, { inLine: true }],
  ['retrying', false, 1, AT_WORK, { inLine: true }],
  ['retrying', true, 1, AT_WORK, { wait: true }],
  ['retrying', false, -1, PAUSED, led('pause', null, true)],
  ['retrying', true, 1, PAUSED, { tell: 'reset' }],
  ['retrying', true, 1, PAUSING, { tell: 'unpause' }],
  ['retrying', false, -1, CANCELLED, led('cancel', 'ann', false)],
  ['retrying', true, 1, CANCELLED, { forget: true }],
  ['retrying', false, -1, OURS, { forget: true }],
  ['retrying', false, -1, CANCELLING, led('cancel', null, true)],
  ['retrying', true, 1, CANCELLING, { wait: true }],
  ['retrying', false, -1, { kind: 'ended' }, { forget: true }],
  ['retrying', false, 1, { kind: 'none' }, { forget: true }],
  ['pending', false, null, SLEEPS, { inLine: true }],
  ['pending', false, null, CANCELLED, led('cancel', 'ann', false)],
  ['pending', false, null, PAUSED, led('pause', null, true)],
  ['paused', false, -1, PAUSED, { inLine: true }],
  ['paused', true, -1, PAUSED, { inLine: true }],
  ['paused', false, -1, SLEEPS, { ...led('resume', null, true), thenReset: true }],
  ['paused', false, -1, AT_WORK, { ...led('resume', null, true), thenReset: false }],
  ['paused', true, -1, SLEEPS, { tell: 'pause' }],
  ['paused', false, -1, CANCELLED, led('cancel', 'ann', false)],
  ['paused', false, -1, { kind: 'none' }, { forget: true }],
  ['delivered', false, null, SLEEPS, { tell: 'reset' }],
  ['delivered', false, null, AT_WORK, { wait: true }],
  ['delivered', false, null, PAUSED, { tell: 'reset' }],
  ['delivered', false, null, CANCELLED, { forget: true }],
  ['failed', false, null, PAUSING, { tell: 'unpause' }],
  ['failed', false, null, { kind: 'ended' }, { forget: true }],
  ['cancelled', false, null, SLEEPS, { tell: 'cancel' }],
  ['cancelled', true, null, PAUSED, { tell: 'cancel' }],
  ['cancelled', true, null, CANCELLING, { wait: true }],
  ['cancelled', true, null, CANCELLED, { forget: true }],
];

test.each(CASES)(
  '%s, row leads: %s, overdue %p ms, execution %j',
  (status, leads, overdueMs, execution, expected) => {
    expect(alignmentOf(delivery(status, leads, overdueMs), execution)).toEqual(expected);
  },
);
