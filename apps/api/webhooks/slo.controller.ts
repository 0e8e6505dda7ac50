import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Database } from '../../../libs/db/database';
import type { Principal } from '../../../libs/db/principals.repo';
import { readAppSlo } from '../../../libs/db/webhook-slo.repo';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { DATABASE } from '../injection-tokens';
import { sloQuery, sloToWire, webhookSlo } from './slo.schema';

/** The 99.9 % as anybody can recount it: docs/webhook-slo.md. */
@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/slo')
export class WebhookSloController {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Get()
  @documented(
    'Read how well your webhooks were delivered',
    { 200: { description: 'Per endpoint, newest first, and together.', schema: webhookSlo } },
    '`raw` counts what arrived, `ours` what we did in time. Pausing, disabling or deleting an endpoint removes nothing.',
  )
  async getWebhookSlo(
    @Caller() principal: Principal,
    @Query({ schema: sloQuery }) { days }: z.output<typeof sloQuery>,
  ): Promise<z.infer<typeof webhookSlo>> {
    requirePartner(principal);
    return sloToWire(await readAppSlo(this.db, principal.appId, days), days);
  }
}
