import { Body, Controller, HttpCode, Inject, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { Sealer } from '../../../libs/crypto/sealer';
import { audit, keyActor } from '../../../libs/db/audit.repo';
import type { Database } from '../../../libs/db/database';
import { noteHandshake, rotateSecret } from '../../../libs/db/endpoint-states.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { EndpointSecrets, sealForEndpoint } from '../../../libs/webhooks/endpoint-secret';
import { newWebhookSecret, webhookKey } from '../../../libs/webhooks/signing';
import { Caller } from '../auth/caller.decorator';
import { documented } from '../http/answers';
import { isoOrNull } from '../http/wire';
import { DATABASE, SEALER } from '../injection-tokens';
import { noBody } from '../integrations/integrations.schema';
import { endpointToWire } from './endpoint-to-wire';
import { endpoint, rotatedSecret, rotateSecretBody } from './endpoints.schema';
import { HandshakeService } from './handshake.service';
import { requireEndpoint } from './require-endpoint';

/** What makes both sides sure of each other: the secret and the handshake. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/endpoints/:id')
export class EndpointSecretController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(SEALER) private readonly sealer: Sealer,
    @Inject(EndpointSecrets) private readonly secrets: EndpointSecrets,
    @Inject(HandshakeService) private readonly handshakes: HandshakeService,
  ) {}

  @Post('rotate-secret')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Rotate the secret',
    { 200: { description: 'Keep the new secret: it is shown once.', schema: rotatedSecret } },
    'Until `previousValidUntil` every webhook carries a signature of each of the two secrets. Only one secret before is kept: a second rotation in that time ends the older one.',
  )
  async rotateSecret(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: rotateSecretBody }) body: z.output<typeof rotateSecretBody>,
  ): Promise<z.infer<typeof rotatedSecret>> {
    const own = await requireEndpoint(this.db, principal, id);
    const secret = body.secret ?? newWebhookSecret();
    const { secretSealed } = own;
    const [present] = this.secrets.keysOf(own.id, { secretSealed, previousSecretSealed: null });
    if (present?.equals(webhookKey(secret)) === true)
      throw new AppError(
        'invalid_request',
        'secret: this is the present secret; leave it out for a new one.',
        {
          details: { fields: [{ field: 'secret', message: 'must differ from the present one' }] },
        },
      );
    const until = await this.db.transaction(async (tx) => {
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.secret_rotated',
        subject: own.id,
        details: { overlapS: body.overlapS },
      });
      return rotateSecret(tx, own.id, {
        secretSealed: sealForEndpoint(this.sealer, own.id, secret),
        overlapS: body.overlapS,
      });
    });
    return { secret, previousValidUntil: isoOrNull(until) };
  }

  @Post('handshake')
  @HttpCode(200)
  @ApiBody({ required: false })
  @documented(
    'Ask the endpoint whether it wants our webhooks',
    { 200: { description: 'It agreed; a lower rate that it asked for is kept.', schema: endpoint } },
    'The abuse protection of CloudEvents web hooks: an OPTIONS request with `WebHook-Request-Origin`, answered with `WebHook-Allowed-Origin` and `WebHook-Allowed-Rate`.',
  )
  async handshakeEndpoint(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Body({ schema: noBody }) _body: z.output<typeof noBody>,
  ): Promise<z.infer<typeof endpoint>> {
    const own = await requireEndpoint(this.db, principal, id);
    const { url, ratePerS } = own;
    const headers = this.secrets.headersOf(own.id, own);
    const allowedPerS = await this.handshakes.ask({ url, headers, ratePerS });
    await this.db.transaction(async (tx) => {
      await noteHandshake(tx, own.id, allowedPerS);
      await audit(tx, {
        actor: keyActor(principal),
        action: 'endpoint.handshaken',
        subject: own.id,
        details: { ratePerS: allowedPerS },
      });
    });
    return endpointToWire(this.db, this.secrets, await requireEndpoint(this.db, principal, id));
  }
}
