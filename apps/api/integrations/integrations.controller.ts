import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import type { ProviderId } from '../../../libs/core/providers';
import type { Database } from '../../../libs/db/database';
import { listIntegrations, readStreamStates } from '../../../libs/db/integrations.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { disconnectWorkflowId } from '../../../workflows/contract';
import { Caller } from '../auth/caller.decorator';
import { requireGrant, requireIntegration, userOf } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { iso, pathId } from '../http/wire';
import { DATABASE, RUNTIMES } from '../injection-tokens';
import { findRuntime } from '../providers/find-runtime';
import { ConnectService } from './connect.service';
import {
  accepted,
  connectBody,
  connectStarted,
  integrationDetail,
  integrationPage,
  integrationToWire,
  listIntegrationsQuery,
} from './integrations.schema';
import { streamStates } from './stream-state';
import { SyncService } from './sync.service';

@ApiTags('integrations')
@ApiBearerAuth('apiKey')
@Controller('v1/integrations')
export class IntegrationsController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    @Inject(SyncService) private readonly syncs: SyncService,
    @Inject(ConnectService) private readonly connects: ConnectService,
  ) {}

  @Get()
  @documented('List integrations', { 200: { description: 'Newest first.', schema: integrationPage } })
  async listIntegrations(
    @Caller() principal: Principal,
    @Query({ schema: listIntegrationsQuery }) query: z.output<typeof listIntegrationsQuery>,
  ): Promise<z.infer<typeof integrationPage>> {
    const { userId = null, provider = null, status = null, limit, cursor } = query;
    if (userId !== null) await requireGrant(this.db, principal, userId, 'integrations.read');
    const beforeId = idCursor('integration', cursor);
    const rows = await listIntegrations(this.db, principal, { userId, provider, status, limit, beforeId });
    return toPage(rows, limit, (row) => [row.id], integrationToWire);
  }

  @Get(':integration')
  @documented('Read one integration with its streams', {
    200: { description: 'The integration.', schema: integrationDetail },
  })
  async getIntegration(
    @Caller() principal: Principal,
    @Param('integration') id: string,
  ): Promise<z.infer<typeof integrationDetail>> {
    const integrationId = pathId('integration', id);
    const row = await requireIntegration(this.db, principal, integrationId, 'integrations.read');
    const { connector } = findRuntime(this.runtimes, row.provider);
    const states = await readStreamStates(this.db, integrationId);
    return { ...integrationToWire(row), streams: streamStates(connector, row, states) };
  }

  @Post(':provider/connect')
  @ApiBody({ required: false })
  @documented('Start connecting a provider, again if need be', {
    201: { description: "Open `authorizationUrl` in the user's browser.", schema: connectStarted },
  })
  async connect(
    @Caller() principal: Principal,
    @Param('provider') providerText: string,
    @Body({ schema: connectBody }) body: z.output<typeof connectBody>,
  ): Promise<z.infer<typeof connectStarted>> {
    const runtime = findRuntime(this.runtimes, providerText);
    const userId = userOf(principal, body.userId);
    await requireGrant(this.db, principal, userId, 'integrations.write');
    const { appId } = principal;
    const started = await this.connects.begin(runtime, { userId, appId, returnUrl: body.returnUrl ?? null });
    return { ...started, expiresAt: iso(started.expiresAt) };
  }

  @Delete(':integration')
  @HttpCode(202)
  @documented(
    'Disconnect',
    { 202: { description: 'Access is being revoked; nothing more is read.', schema: accepted } },
    'Idempotent. What was read stays until the user is erased.',
  )
  async disconnect(
    @Caller() principal: Principal,
    @Param('integration') id: string,
  ): Promise<z.infer<typeof accepted>> {
    const integrationId = pathId('integration', id);
    const row = await requireIntegration(this.db, principal, integrationId, 'integrations.write');
    if (row.status !== 'disconnected') await this.syncs.disconnect(row);
    return { integrationId, workflowId: disconnectWorkflowId(integrationId), status: 'accepted' };
  }
}
