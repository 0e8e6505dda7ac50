import { Body, Controller, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import { AppError } from '../../../libs/core/errors';
import { isId } from '../../../libs/core/ids';
import type { ProviderId } from '../../../libs/core/providers';
import type { Database } from '../../../libs/db/database';
import { findLiveIntegration, type Integration } from '../../../libs/db/integrations.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { syncWorkflowId } from '../../../workflows/contract';
import { Caller } from '../auth/caller.decorator';
import { requireGrant, requireIntegration, userOf } from '../auth/require-grant';
import { documented } from '../http/answers';
import { pathId } from '../http/wire';
import { DATABASE, RUNTIMES } from '../injection-tokens';
import { findRuntime } from '../providers/find-runtime';
import { accepted, noBody, syncBody, syncFinished } from './integrations.schema';
import { MAX_WAIT_S, preferredWaitS } from './prefer-wait';
import { SyncService } from './sync.service';

const ANSWERS = {
  200: { description: 'Waited for: the run has ended.', schema: syncFinished },
  202: { description: 'The sync runs.', schema: accepted },
};
const PREFER = {
  name: 'Prefer',
  required: false,
  description: `\`wait=n\` (RFC 7240): wait up to n seconds, at most ${MAX_WAIT_S}, for the run to end`,
};

type Answer = z.infer<typeof syncFinished> | z.infer<typeof accepted>;

@ApiTags('integrations')
@ApiBearerAuth('apiKey')
@Controller('v1/integrations')
export class SyncController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    @Inject(SyncService) private readonly syncs: SyncService,
  ) {}

  @Post(':integration')
  @ApiBody({ required: false })
  @ApiHeader(PREFER)
  @documented(
    'Sync now, by provider',
    ANSWERS,
    '`integration` is a provider id, e.g. `strava` or `googlefit`; an integration id is understood too.',
  )
  async syncProvider(
    @Caller() principal: Principal,
    @Param('integration') text: string,
    @Body({ schema: syncBody }) body: z.output<typeof syncBody>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Answer> {
    if (isId('integration', text)) {
      const row = await requireIntegration(this.db, principal, text, 'integrations.write');
      return this.#sync(row, request, reply);
    }
    const provider = findRuntime(this.runtimes, text).connector.id;
    const userId = userOf(principal, body.userId);
    await requireGrant(this.db, principal, userId, 'integrations.write');
    const row = await findLiveIntegration(this.db, userId, provider);
    if (row !== null) return this.#sync(row, request, reply);
    throw new AppError(
      'not_found',
      `This user has not connected ${provider}. Use POST /v1/integrations/${provider}/connect.`,
    );
  }

  @Post(':integration/sync')
  @ApiBody({ required: false })
  @ApiHeader(PREFER)
  @documented('Sync now, by integration id', ANSWERS)
  async syncIntegration(
    @Caller() principal: Principal,
    @Param('integration') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Answer> {
    const integrationId = pathId('integration', id);
    const row = await requireIntegration(this.db, principal, integrationId, 'integrations.write');
    return this.#sync(row, request, reply);
  }

  async #sync(integration: Integration, request: FastifyRequest, reply: FastifyReply): Promise<Answer> {
    const waitS = preferredWaitS(request.headers.prefer);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const finished = await this.syncs.syncNow(integration, waitS, gone.signal);
    if (waitS > 0) void reply.header('preference-applied', `wait=${waitS}`);
    void reply.status(finished === null ? 202 : 200);
    return (
      finished ?? {
        integrationId: integration.id,
        workflowId: syncWorkflowId(integration.id),
        status: 'accepted',
      }
    );
  }
}
