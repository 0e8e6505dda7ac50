import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import { audit, keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import { enableEndpoint, pauseEndpoint, type EnabledEndpoint } from '../../../libs/db/endpoint-states.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { wakeDispatchers } from '../../../libs/db/wake-dispatchers';
import { EndpointSecrets } from '../../../libs/webhooks/endpoint-secret';
import { Caller } from '../auth/caller.decorator';
import { documented } from '../http/answers';
import { iso } from '../http/wire';
import { DATABASE } from '../injection-tokens';
import { noBody } from '../integrations/integrations.schema';
import { endpointToWire } from './endpoint-to-wire';
import { enabledEndpoint, endpoint } from './endpoints.schema';
import { requireEndpoint } from './require-endpoint';

/** Pausing holds deliveries, enabling lets them go; deliveries are made for the endpoint all the time. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/endpoints/:id')
export class EndpointStatesController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
  ) {}

  @Post('pause')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Pause an endpoint',
    { 200: { description: 'Paused.', schema: endpoint } },
    'Nothing is sent until you enable it. Events go on being queued for it and wait for as long as we keep events.',
  )
  async pauseEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<z.infer<typeof endpoint>> {
    const own = await requireEndpoint(this.db, principal, id);
    if (own.status === 'disabled')
      throw new AppError(
        'conflict',
        `This endpoint is disabled, so nothing is sent to it. POST /v1/webhooks/endpoints/${own.id}/enable enables it.`,
        { details: { status: own.status, reason: own.statusReason } },
      );
    await this.db.transaction(async (tx) => {
      if (await pauseEndpoint(tx, own.id))
        await audit(tx, { actor: keyActor(principal), action: 'endpoint.paused', subject: own.id });
    });
    return endpointToWire(this.db, this.secrets, await requireEndpoint(this.db, principal, id));
  }

  @Post('enable')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Enable an endpoint',
    { 200: { description: 'Enabled; says what waits for it.', schema: enabledEndpoint } },
    'From paused, disabled or degraded. Its failures are forgotten. What waited goes out in order at a bounded rate.',
  )
  async enableEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<z.infer<typeof enabledEndpoint>> {
    const own = await requireEndpoint(this.db, principal, id);
    const before = await this.db.transaction(async (tx) => {
      const changed = await enableEndpoint(tx, own.id);
      if (changed !== null)
        await audit(tx, {
          actor: keyActor(principal),
          action: 'endpoint.enabled',
          subject: own.id,
          details: { from: changed.was },
        });
      return changed;
    });
    await wakeDispatchers(this.db);
    const now = await endpointToWire(this.db, this.secrets, await requireEndpoint(this.db, principal, id));
    return { ...now, waiting: now.pending, replay: before === null ? null : replayOf(own.id, before) };
  }
}

function replayOf(
  endpointId: string,
  { was, missedFrom }: EnabledEndpoint,
): z.infer<typeof enabledEndpoint>['replay'] {
  if (was !== 'disabled') return null;
  return {
    from: iso(missedFrom),
    to: iso(new Date()),
    todo: `Deliveries that were given up while the endpoint failed are not sent again by themselves. POST /v1/webhooks/endpoints/${endpointId}/replays with this from and to starts a replay of them.`,
  };
}
