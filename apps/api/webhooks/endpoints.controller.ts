import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Config } from '../../../libs/config/config';
import { AppError } from '../../../libs/core/errors';
import { newId } from '../../../libs/core/ids';
import { shardOf } from '../../../libs/core/shard';
import type { Sealer } from '../../../libs/crypto/sealer';
import type { Database } from '../../../libs/db/database';
import {
  createEndpoint,
  deleteEndpoint,
  ENDPOINT_SHARDS,
  findEndpoint,
  listDeliveries,
  listEndpoints,
  type Endpoint,
} from '../../../libs/db/endpoints.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { sealForEndpoint } from '../../../libs/webhooks/endpoint-secret';
import { checkEndpointUrl } from '../../../libs/webhooks/endpoint-url';
import { newWebhookSecret } from '../../../libs/webhooks/signing';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { pathId } from '../http/wire';
import { CONFIG, DATABASE, SEALER } from '../injection-tokens';
import {
  createdEndpoint,
  createEndpointBody,
  deliveryPage,
  deliveryToWire,
  endpoint,
  endpointPage,
  endpointToWire,
  listQuery,
} from './endpoints.schema';

type PageQuery = z.output<typeof listQuery>;

/** Endpoints belong to an app, so a partner's key is needed; another app's endpoint reads as not there. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/endpoints')
export class EndpointsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
    @Inject(SEALER) private readonly sealer: Sealer,
  ) {}

  @Post()
  @documented('Create an endpoint', {
    201: { description: 'Created. Keep the secret: it is shown once.', schema: createdEndpoint },
  })
  async createEndpoint(
    @Caller() principal: Principal,
    @Body({ schema: createEndpointBody }) body: z.output<typeof createEndpointBody>,
  ): Promise<z.infer<typeof createdEndpoint>> {
    requirePartner(principal);
    const url = checkEndpointUrl(body.url, { allowLoopback: this.config.WEBHOOK_ALLOW_LOOPBACK });
    const id = newId('endpoint');
    const secret = newWebhookSecret();
    const row = await createEndpoint(this.db, {
      id,
      appId: principal.appId,
      url: url.href,
      description: body.description ?? null,
      secretSealed: sealForEndpoint(this.sealer, id, secret),
      eventTypes: [...new Set(body.eventTypes)],
      payload: body.payload,
      shard: shardOf(id, ENDPOINT_SHARDS),
    });
    return { ...endpointToWire(row), secret };
  }

  @Get()
  @documented('List your endpoints', { 200: { description: 'Newest first.', schema: endpointPage } })
  async listEndpoints(
    @Caller() principal: Principal,
    @Query({ schema: listQuery }) query: PageQuery,
  ): Promise<z.infer<typeof endpointPage>> {
    requirePartner(principal);
    const beforeId = idCursor('endpoint', query.cursor);
    const rows = await listEndpoints(this.db, principal.appId, { limit: query.limit, beforeId });
    return toPage(rows, query.limit, (row) => [row.id], endpointToWire);
  }

  @Get(':id')
  @documented('Read one endpoint', { 200: { description: 'Without its secret.', schema: endpoint } })
  async getEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
  ): Promise<z.infer<typeof endpoint>> {
    return endpointToWire(await this.#own(principal, id));
  }

  @Delete(':id')
  @HttpCode(204)
  @documented('Delete an endpoint with its deliveries', { 204: { description: 'Gone.' } })
  async deleteEndpoint(@Caller() principal: Principal, @Param('id') id: string): Promise<void> {
    requirePartner(principal);
    if (!(await deleteEndpoint(this.db, principal.appId, pathId('endpoint', id)))) throw notThere();
  }

  @Get(':id/deliveries')
  @documented('List deliveries with their attempts', {
    200: { description: 'Newest first.', schema: deliveryPage },
  })
  async listDeliveries(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Query({ schema: listQuery }) query: PageQuery,
  ): Promise<z.infer<typeof deliveryPage>> {
    const own = await this.#own(principal, id);
    const beforeId = idCursor('delivery', query.cursor);
    const rows = await listDeliveries(this.db, own.id, { limit: query.limit, beforeId });
    return toPage(rows, query.limit, (row) => [row.id], deliveryToWire);
  }

  async #own(principal: Principal, id: string): Promise<Endpoint> {
    requirePartner(principal);
    const row = await findEndpoint(this.db, principal.appId, pathId('endpoint', id));
    if (row) return row;
    throw notThere();
  }
}

const notThere = (): AppError => new AppError('not_found', 'There is no endpoint with this id.');
