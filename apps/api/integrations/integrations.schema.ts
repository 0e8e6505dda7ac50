import { z } from 'zod';
import { FAILURES, type FailureCode } from '../../../libs/core/errors';
import { STREAMS } from '../../../libs/core/providers';
import type { Integration } from '../../../libs/db/integrations.repo';
import { INTEGRATION_STATUSES } from '../../../libs/db/schema/integrations';
import { SYNC_OUTCOMES } from '../../../workflows/contract';
import { idOf, instant, iso, isoOrNull, pageOf, pageQuery, providerFilter } from '../http/wire';

const status = z.enum(INTEGRATION_STATUSES).meta({ id: 'IntegrationStatus' });
export const failureCode = z.enum(Object.keys(FAILURES) as [FailureCode, ...FailureCode[]]);

const fields = {
  id: z.string(),
  userId: z.string(),
  provider: z.string(),
  status,
  reason: failureCode.nullable().describe('why the status is what it is'),
  scopes: z.array(z.string()).describe("the provider's scopes that the user accepted"),
  lastSyncedAt: instant.nullable(),
  nextSyncAt: instant.nullable(),
  createdAt: instant,
  updatedAt: instant,
};

export const integration = z.strictObject(fields).meta({ id: 'Integration' });
export const integrationPage = pageOf(integration, 'IntegrationPage');

const span = z.strictObject({ from: instant, to: instant });

export const streamState = z
  .strictObject({
    stream: z.enum(STREAMS),
    status: z
      .enum(['scope_missing', 'waiting', 'reading', 'current', 'failing'])
      .describe(
        'scope_missing: the user did not accept it at the provider; waiting: not read yet; reading: a window is open; current: read up to the last sync; failing: see lastErrorCode',
      ),
    lastErrorCode: failureCode.nullable(),
    lastErrorAt: instant.nullable(),
    reading: span.nullable().describe('the window that is open'),
    coverage: span
      .extend({ gaps: z.int().describe('holes between from and to') })
      .nullable()
      .describe('the time the provider has answered for'),
  })
  .meta({ id: 'StreamState' });

export const integrationDetail = z
  .strictObject({ ...fields, streams: z.array(streamState) })
  .meta({ id: 'IntegrationDetail' });

export const listIntegrationsQuery = z.strictObject({
  userId: idOf('user').optional(),
  provider: providerFilter,
  status: status.optional(),
  ...pageQuery,
});

export const connectBody = z
  .strictObject({
    userId: idOf('user').optional().describe("required with a partner's key"),
    returnUrl: z
      .string()
      .max(2048)
      .optional()
      .describe('where the browser goes afterwards; must be one of the URLs registered for your app'),
  })
  .default({})
  .meta({ id: 'ConnectRequest' });

export const connectStarted = z
  .strictObject({
    integrationId: z.string(),
    authorizationUrl: z.string().describe("open it in the user's browser"),
    expiresAt: instant.describe('the link works once and until then'),
  })
  .meta({ id: 'ConnectStarted' });

export const connectFinished = z
  .strictObject({ integrationId: z.string(), status, code: z.string() })
  .meta({ id: 'ConnectFinished' });

export const syncBody = z
  .strictObject({ userId: idOf('user').optional().describe("required with a partner's key") })
  .default({})
  .meta({ id: 'SyncRequest' });

export const noBody = z.strictObject({}).default({});

export const accepted = z
  .strictObject({ integrationId: z.string(), workflowId: z.string(), status: z.literal('accepted') })
  .meta({ id: 'Accepted' });

export const syncFinished = z
  .strictObject({
    synced: z.int().describe('records changed since the request'),
    integrationId: z.string(),
    integrationStatus: status,
    workflowId: z.string(),
    runId: z.string().nullable(),
    outcome: z.enum(SYNC_OUTCOMES),
    status: z.literal('finished'),
  })
  .meta({ id: 'SyncFinished' });

export const integrationToWire = (row: Integration): z.infer<typeof integration> => ({
  id: row.id,
  userId: row.userId,
  provider: row.provider,
  status: row.status,
  reason: row.statusReason,
  scopes: row.scopes,
  lastSyncedAt: isoOrNull(row.lastSyncedAt),
  nextSyncAt: isoOrNull(row.nextSyncAt),
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});
