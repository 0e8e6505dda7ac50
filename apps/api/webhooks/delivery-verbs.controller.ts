import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import type { Client } from '@temporalio/client';
import type { z } from 'zod';
import { keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import { findDelivery } from '../../../libs/db/deliveries-read.repo';
import type { DeliveryVerb } from '../../../libs/db/delivery-verbs.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { performVerb } from '../../../libs/webhooks/delivery-verb';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { pathId } from '../http/wire';
import { DATABASE, TEMPORAL } from '../injection-tokens';
import { noBody } from '../integrations/integrations.schema';
import { deliveryToWire } from './deliveries.schema';
import { followDeps } from './delivery-executions';
import { deliveryAfterVerb } from './delivery-verbs.schema';

type Answer = z.infer<typeof deliveryAfterVerb>;

/** What operators do to a delivery in Temporal UI, for partners: the delivery's row and its execution do the same. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/deliveries/:id')
export class DeliveryVerbsController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(TEMPORAL) private readonly temporal: Client,
  ) {}

  @Post('retry')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Send a delivery now',
    { 200: { description: 'It is sent within a second or so.', schema: deliveryAfterVerb } },
    'A retry that waits is made at once. One that has ended, delivered or not, is sent again: same id, same `webhook-id`, the next attempt number, a new retry schedule.',
  )
  retryDelivery(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<Answer> {
    return this.#do('retry', principal, id);
  }

  @Post('pause')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented('Pause a delivery', {
    200: { description: 'Nothing is sent until it is resumed or retried.', schema: deliveryAfterVerb },
  })
  pauseDelivery(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<Answer> {
    return this.#do('pause', principal, id);
  }

  @Post('resume')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented('Resume a paused delivery', {
    200: { description: 'It is sent now.', schema: deliveryAfterVerb },
  })
  resumeDelivery(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<Answer> {
    return this.#do('resume', principal, id);
  }

  @Post('cancel')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Cancel a delivery',
    { 200: { description: 'It is not sent any more.', schema: deliveryAfterVerb } },
    'A request that is under way ends; when it is accepted the delivery counts as delivered.',
  )
  cancelDelivery(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<Answer> {
    return this.#do('cancel', principal, id);
  }

  async #do(verb: DeliveryVerb, principal: Principal, id: string): Promise<Answer> {
    requirePartner(principal);
    const { appId } = principal;
    const deliveryId = pathId('delivery', id);
    const execution = await performVerb(followDeps(this.db, this.temporal), {
      deliveryId,
      appId,
      verb,
      actor: keyActor(principal),
    });
    const now = await findDelivery(this.db, appId, deliveryId);
    return { ...deliveryToWire(now!), execution };
  }
}
