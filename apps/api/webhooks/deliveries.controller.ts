import type { Client } from '@temporalio/client';
import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import { findDelivery, listDeliveries } from '../../../libs/db/deliveries-read.repo';
import { followDelivery } from '../../../libs/webhooks/follow-execution';
import type { Principal } from '../../../libs/db/principals.repo';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { pathId } from '../http/wire';
import { DATABASE, TEMPORAL } from '../injection-tokens';
import { followDeps } from './delivery-executions';
import { delivery, deliveryPage, deliveryToWire, listDeliveriesQuery } from './deliveries.schema';
import { requireEndpoint } from './require-endpoint';

@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks')
export class DeliveriesController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(TEMPORAL) private readonly temporal: Client,
  ) {}

  @Get('endpoints/:id/deliveries')
  @documented('List deliveries with their attempts', {
    200: { description: 'Newest event first.', schema: deliveryPage },
  })
  async listDeliveries(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Query({ schema: listDeliveriesQuery }) query: z.output<typeof listDeliveriesQuery>,
  ): Promise<z.infer<typeof deliveryPage>> {
    const own = await requireEndpoint(this.db, principal, id);
    const { limit, cursor, status, eventType } = query;
    const rows = await listDeliveries(
      this.db,
      own.id,
      { status: status ?? null, eventType: eventType ?? null },
      { limit, beforeEventId: idCursor('event', cursor) },
    );
    return toPage(rows, limit, (row) => [row.eventId], deliveryToWire);
  }

  @Get('deliveries/:id')
  @documented('Read one delivery with its attempts', {
    200: { description: 'As it is now.', schema: delivery },
  })
  async getDelivery(
    @Caller() principal: Principal,
    @Param('id') id: string,
  ): Promise<z.infer<typeof delivery>> {
    requirePartner(principal);
    const deliveryId = pathId('delivery', id);
    if ((await findDelivery(this.db, principal.appId, deliveryId)) === null) throw notThere();
    // An operator may have stopped it in Temporal while no worker was there to see it.
    await followDelivery(followDeps(this.db, this.temporal), deliveryId);
    const row = await findDelivery(this.db, principal.appId, deliveryId);
    if (row === null) throw notThere();
    return deliveryToWire(row);
  }
}

const notThere = (): AppError => new AppError('not_found', 'There is no delivery with this id.');
