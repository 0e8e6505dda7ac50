import { AppError } from '../../libs/core/errors';
import { parseProviderId } from '../../libs/core/providers';
import { findIntegration, listIntegrations, type Integration } from '../../libs/db/integrations.repo';
import { INTEGRATION_STATUSES, type IntegrationStatus } from '../../libs/db/schema/integrations';
import { openClient, openConnection } from '../../temporal/connection';
import { expeditedSignal, syncStartOptions, WORKFLOWS, type SyncInput } from '../../workflows/contract';
import { optionalOf, valueOf, type CliCommand } from './command';
import { UsageError } from './usage-error';

function statusOf(text: string | null): IntegrationStatus | null {
  const status = INTEGRATION_STATUSES.find((s) => s === text) ?? null;
  if (text === null || status !== null) return status;
  throw new UsageError(`--status must be one of ${INTEGRATION_STATUSES.join(', ')}`);
}

function providerOf(text: string | null) {
  const provider = text === null ? null : parseProviderId(text);
  if (text === null || provider !== null) return provider;
  throw new UsageError(`--provider: there is no provider ${text}`);
}

function limitOf(text: string | null): number {
  const limit = Number(text ?? 50);
  if (Number.isInteger(limit) && limit > 0 && limit <= 1000) return limit;
  throw new UsageError('--limit must be a number from 1 to 1000');
}

const shown = (row: Integration) => ({
  id: row.id,
  userId: row.userId,
  provider: row.provider,
  status: row.status,
  reason: row.statusReason,
  lastSyncedAt: row.lastSyncedAt,
  nextSyncAt: row.nextSyncAt,
});

const integrationList: CliCommand = {
  verb: 'integration list',
  about: 'list integrations, newest first',
  options: {
    user: { value: '<user id>', about: 'of this user' },
    provider: { value: '<provider>', about: 'of this provider' },
    status: { value: '<status>', about: INTEGRATION_STATUSES.join(', ') },
    limit: { value: '<n>', about: 'at most so many (default 50)' },
  },
  async run({ db }, values) {
    const limit = limitOf(optionalOf(values, 'limit'));
    const rows = await listIntegrations(db, 'operator', {
      userId: optionalOf(values, 'user'),
      provider: providerOf(optionalOf(values, 'provider')),
      status: statusOf(optionalOf(values, 'status')),
      limit,
      beforeId: null,
    });
    return rows.slice(0, limit).map(shown);
  },
};

const integrationRetry: CliCommand = {
  verb: 'integration retry',
  about: 'sync an integration now, or hurry the running sync',
  options: { id: { value: '<integration id>', about: 'the integration', required: true } },
  async run({ db, settings }, values) {
    const integrationId = valueOf(values, 'id');
    const row = await findIntegration(db, integrationId);
    if (!row) throw new AppError('not_found', `There is no integration ${integrationId}.`);
    if (row.status !== 'active' && row.status !== 'degraded')
      throw new AppError(
        'conflict',
        `It is ${row.status} (${row.statusReason ?? 'no reason'}); a sync would do nothing.`,
      );
    const connection = openConnection(settings);
    try {
      const { userId, provider } = row;
      const client = openClient(connection, settings);
      const handle = await client.workflow.signalWithStart<(input: SyncInput) => Promise<unknown>>(
        WORKFLOWS.syncIntegration,
        {
          ...syncStartOptions({ integrationId, userId, provider, trigger: 'user' }),
          signal: expeditedSignal,
        },
      );
      return { integrationId, workflowId: handle.workflowId, temporalRunId: handle.signaledRunId };
    } finally {
      await connection.close();
    }
  },
};

export const INTEGRATION_COMMANDS = [integrationList, integrationRetry];
