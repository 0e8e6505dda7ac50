import { z } from 'zod';
import { STREAMS } from '../../../libs/core/providers';
import type { SyncRunWithStreams } from '../../../libs/db/sync-runs-read.repo';
import { syncWorkflowId } from '../../../workflows/contract';
import { idOf, instant, iso, isoOrNull, pageOf, pageQuery } from '../http/wire';
import { failureCode } from '../integrations/integrations.schema';

export const listRunsQuery = z.strictObject({ integrationId: idOf('integration'), ...pageQuery });

export const run = z
  .strictObject({
    id: z.string(),
    integrationId: z.string(),
    trigger: z.string().describe('schedule, user, connect or inbound'),
    outcome: z.string().nullable().describe('null until the first round is finished'),
    rounds: z.int(),
    startedAt: instant,
    finishedAt: instant.nullable(),
    streams: z.array(
      z.strictObject({
        stream: z.enum(STREAMS),
        pages: z.int(),
        inserted: z.int(),
        updated: z.int(),
        unchanged: z.int(),
        errorCode: failureCode.nullable(),
        deferredUntil: instant.nullable(),
      }),
    ),
    workflowId: z.string(),
    temporalUrl: z.string().describe('the run in Temporal UI, for operators'),
  })
  .meta({ id: 'SyncRun' });

export const runPage = pageOf(run, 'SyncRunPage');

export interface TemporalUi {
  TEMPORAL_UI_URL: string;
  TEMPORAL_NAMESPACE: string;
}

export const runToWire =
  (ui: TemporalUi) =>
  (row: SyncRunWithStreams): z.infer<typeof run> => ({
    id: row.id,
    integrationId: row.integrationId,
    trigger: row.trigger,
    outcome: row.outcome,
    rounds: row.rounds,
    startedAt: iso(row.startedAt),
    finishedAt: isoOrNull(row.finishedAt),
    streams: row.streams.map(({ runId: _runId, deferredUntil, ...counts }) => ({
      ...counts,
      deferredUntil: isoOrNull(deferredUntil),
    })),
    workflowId: syncWorkflowId(row.integrationId),
    temporalUrl: temporalUrl(ui, row),
  });

/** Our run id holds the Temporal run id of the chain's first execution, a UUID without dashes (libs/core/ids.ts). */
function temporalUrl(ui: TemporalUi, row: { id: string; integrationId: string }): string {
  const uuid = row.id.slice('run_'.length).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const path = ['namespaces', ui.TEMPORAL_NAMESPACE, 'workflows', syncWorkflowId(row.integrationId), uuid]
    .map(encodeURIComponent)
    .join('/');
  return `${ui.TEMPORAL_UI_URL.replace(/\/$/, '')}/${path}/history`;
}
