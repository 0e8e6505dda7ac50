import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Config } from '../../../libs/config/config';
import { newId } from '../../../libs/core/ids';
import { shardOf } from '../../../libs/core/shard';
import type { Sealer } from '../../../libs/crypto/sealer';
import { audit, keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import { deleteEndpoint } from '../../../libs/db/endpoint-states.repo';
import {
  createEndpoint,
  ENDPOINT_SHARDS,
  listEndpoints,
  updateEndpoint,
  withOwnUrl,
} from '../../../libs/db/endpoints.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { wakeDispatchers } from '../../../libs/db/wake-dispatchers';
import { EndpointSecrets, sealForEndpoint } from '../../../libs/webhooks/endpoint-secret';
import { checkEndpointUrl } from '../../../libs/webhooks/endpoint-url';
import { newWebhookSecret } from '../../../libs/webhooks/signing';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { CONFIG, DATABASE, SEALER } from '../injection-tokens';
import { checkedUserIds, sealedHeaders } from './endpoint-settings';
import { endpointsToWire, endpointToWire } from './endpoint-to-wire';
import {
  createdEndpoint,
  createEndpointBody,
  endpoint,
  endpointPage,
  listQuery,
  updateEndpointBody,
} from './endpoints.schema';
import { HandshakeService } from './handshake.service';
import { noEndpoint, requireEndpoint } from './require-endpoint';

/** Endpoints belong to an app, so a partner's key is needed; another app's endpoint reads as not there. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/endpoints')
export class EndpointsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
    @Inject(HandshakeService) private readonly handshakes: HandshakeService,
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
    const { appId } = principal;
    const url = this.#checkedUrl(body.url);
    const userIds = await checkedUserIds(this.db, appId, body.userIds ?? null);
    const headers = body.headers ?? {};
    const asked = body.ratePerS ?? null;
    const ratePerS = body.handshake ? await this.handshakes.ask({ url, headers, ratePerS: asked }) : asked;
    const id = newId('endpoint');
    const secret = body.secret ?? newWebhookSecret();
    const row = await withOwnUrl(this.db, appId, url, async (tx) => {
      const made = await createEndpoint(tx, {
        id,
        appId,
        url,
        description: body.description ?? null,
        secretSealed: sealForEndpoint(this.sealer, id, secret),
        eventTypes: [...new Set(body.eventTypes)],
        userIds,
        payload: body.payload,
        fifo: body.fifo,
        ratePerS,
        headersSealed: sealedHeaders(this.sealer, id, headers),
        shard: shardOf(id, ENDPOINT_SHARDS),
        handshakeAt: body.handshake ? new Date() : null,
      });
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.created',
        subject: id,
        details: { host: new URL(url).host, handshake: body.handshake },
      });
      return made;
    });
    return { ...(await endpointToWire(this.db, this.secrets, row)), secret };
  }

  @Get()
  @documented('List your endpoints', { 200: { description: 'Newest first.', schema: endpointPage } })
  async listEndpoints(
    @Caller() principal: Principal,
    @Query({ schema: listQuery }) query: z.output<typeof listQuery>,
  ): Promise<z.infer<typeof endpointPage>> {
    requirePartner(principal);
    const beforeId = idCursor('endpoint', query.cursor);
    const rows = await listEndpoints(this.db, principal.appId, { limit: query.limit, beforeId });
    const { data, nextCursor } = toPage(
      rows,
      query.limit,
      (row) => [row.id],
      (row) => row,
    );
    return { data: await endpointsToWire(this.db, this.secrets, data), nextCursor };
  }

  @Get(':id')
  @documented('Read one endpoint', { 200: { description: 'Without its secret.', schema: endpoint } })
  async getEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
  ): Promise<z.infer<typeof endpoint>> {
    return endpointToWire(this.db, this.secrets, await requireEndpoint(this.db, principal, id));
  }

  @Patch(':id')
  @documented('Change an endpoint', { 200: { description: 'As it is now.', schema: endpoint } })
  async updateEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: updateEndpointBody }) body: z.output<typeof updateEndpointBody>,
  ): Promise<z.infer<typeof endpoint>> {
    const own = await requireEndpoint(this.db, principal, id);
    const { url, userIds, headers, eventTypes, ...plain } = body;
    const change = {
      ...plain,
      ...(url === undefined ? {} : { url: this.#checkedUrl(url) }),
      ...(eventTypes === undefined ? {} : { eventTypes: [...new Set(eventTypes)] }),
      ...(userIds === undefined ? {} : { userIds: await checkedUserIds(this.db, own.appId, userIds) }),
      ...(headers === undefined ? {} : { headersSealed: sealedHeaders(this.sealer, own.id, headers) }),
    };
    const row = await withOwnUrl(this.db, own.appId, change.url, async (tx) => {
      const changed = await updateEndpoint(tx, own.appId, own.id, change);
      if (changed === null) throw noEndpoint();
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.updated',
        subject: own.id,
        details: { fields: Object.keys(body) },
      });
      return changed;
    });
    await wakeDispatchers(this.db);
    return endpointToWire(this.db, this.secrets, row);
  }

  @Delete(':id')
  @HttpCode(204)
  @documented(
    'Delete an endpoint',
    { 204: { description: 'Gone. What it has not got yet is cancelled.' } },
    'The URL may be used again. Its deliveries count in the service level as before.',
  )
  async deleteEndpoint(@Caller() principal: Principal, @Param('id') id: string): Promise<void> {
    const own = await requireEndpoint(this.db, principal, id);
    await this.db.transaction(async (tx) => {
      const cancelled = await deleteEndpoint(tx, own.id);
      if (cancelled === null) throw noEndpoint();
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.deleted',
        subject: own.id,
        details: { cancelled },
      });
    });
  }

  #checkedUrl(text: string): string {
    return checkEndpointUrl(text, { allowLoopback: this.config.WEBHOOK_ALLOW_LOOPBACK }).href;
  }
}
