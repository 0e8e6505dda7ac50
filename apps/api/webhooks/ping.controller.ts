import { Body, Controller, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Database } from '../../../libs/db/database';
import type { Principal } from '../../../libs/db/principals.repo';
import { Caller } from '../auth/caller.decorator';
import { documented } from '../http/answers';
import { DATABASE } from '../injection-tokens';
import { noBody } from '../integrations/integrations.schema';
import { MAX_WAIT_S, preferredWaitS } from '../integrations/prefer-wait';
import { delivery, deliveryToWire } from './deliveries.schema';
import { pingSent } from './endpoints.schema';
import { PingService } from './ping.service';
import { requireEndpoint } from './require-endpoint';

@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/endpoints/:id')
export class PingController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(PingService) private readonly pings: PingService,
  ) {}

  @Post('ping')
  @ApiBody({ required: false })
  @ApiHeader({
    name: 'Prefer',
    required: false,
    description: `\`wait=n\` (RFC 7240): wait up to n seconds, at most ${MAX_WAIT_S}, for the first attempt`,
  })
  @documented(
    'Send a ping',
    {
      200: { description: 'Waited for: the first attempt was made.', schema: delivery },
      202: { description: 'It is queued behind what waits for the endpoint.', schema: pingSent },
    },
    'An `endpoint.ping` event, signed and retried like every other, whatever the event types of the endpoint.',
  )
  async pingEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<z.infer<typeof delivery> | z.infer<typeof pingSent>> {
    const own = await requireEndpoint(this.db, principal, id);
    const waitS = preferredWaitS(request.headers.prefer);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const ping = await this.pings.send(principal, own);
    const tried = await this.pings.firstAttempt(own.appId, ping.deliveryId, waitS, gone.signal);
    if (waitS > 0) void reply.header('preference-applied', `wait=${waitS}`);
    void reply.status(tried === null ? 202 : 200);
    return tried === null ? ping : deliveryToWire(tried);
  }
}
