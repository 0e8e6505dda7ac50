import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import { keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import type { Principal } from '../../../libs/db/principals.repo';
import { findReplay, listReplays, type Replay } from '../../../libs/db/replays.repo';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { pathId } from '../http/wire';
import { DATABASE } from '../injection-tokens';
import { noBody } from '../integrations/integrations.schema';
import { ReplayService } from './replay.service';
import { createReplayBody, listReplaysQuery, replay, replayPage, replayToWire } from './replays.schema';
import { requireEndpoint } from './require-endpoint';

type Answer = z.infer<typeof replay>;

/** Sends a range of events to an endpoint again. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks')
export class ReplaysController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(ReplayService) private readonly replays: ReplayService,
  ) {}

  @Post('endpoints/:id/replays')
  @HttpCode(202)
  @documented(
    'Replay a range of events',
    { 202: { description: 'Started.', schema: replay } },
    'However many they are: they are queued in the order of the events, at most about 1,000 ahead of what you accept, so that new events are not held up for long. Deliveries keep their id and their `webhook-id`. One replay per endpoint at a time.',
  )
  async createReplay(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: createReplayBody }) body: z.output<typeof createReplayBody>,
  ): Promise<Answer> {
    const own = await requireEndpoint(this.db, principal, id);
    return replayToWire(
      await this.replays.start({
        appId: own.appId,
        endpointId: own.id,
        from: new Date(body.from),
        to: body.to === undefined ? null : new Date(body.to),
        scope: body.scope,
        eventTypes: body.eventTypes,
        actor: keyActor(principal),
      }),
    );
  }

  @Get('endpoints/:id/replays')
  @documented('List the replays of an endpoint', {
    200: { description: 'Newest first.', schema: replayPage },
  })
  async listReplays(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Query({ schema: listReplaysQuery }) query: z.output<typeof listReplaysQuery>,
  ): Promise<z.infer<typeof replayPage>> {
    const own = await requireEndpoint(this.db, principal, id);
    const beforeId = idCursor('replay', query.cursor);
    const rows = await listReplays(this.db, own.id, { limit: query.limit, beforeId });
    return toPage(rows, query.limit, (row) => [row.id], replayToWire);
  }

  @Get('replays/:id')
  @documented('Read one replay', { 200: { description: 'Its progress.', schema: replay } })
  async getReplay(@Caller() principal: Principal, @Param('id') id: string): Promise<Answer> {
    return replayToWire(await this.#own(principal, id));
  }

  @Post('replays/:id/cancel')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented('Cancel a replay', {
    200: { description: 'Nothing more is queued; what is queued is delivered.', schema: replay },
  })
  async cancelReplay(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<Answer> {
    return replayToWire(await this.replays.cancel(await this.#own(principal, id), keyActor(principal)));
  }

  async #own(principal: Principal, id: string): Promise<Replay> {
    requirePartner(principal);
    const row = await findReplay(this.db, principal.appId, pathId('replay', id));
    if (row !== null) return row;
    throw new AppError('not_found', 'There is no replay with this id.');
  }
}
