import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Config } from '../../../libs/config/config';
import { AppError } from '../../../libs/core/errors';
import type { Principal } from '../../../libs/db/principals.repo';
import { API_VERSION } from '../../../libs/webhooks/event-body';
import { eventJsonSchemaOf } from '../../../libs/webhooks/event-schemas';
import { EVENT_TYPES, findEventType } from '../../../libs/webhooks/event-types';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { CONFIG } from '../injection-tokens';
import { eventTypeList, jsonSchema } from './events.schema';

@ApiTags('webhooks')
@ApiBearerAuth('apiKey')
@Controller('v1/webhooks/event-types')
export class EventTypesController {
  constructor(@Inject(CONFIG) private readonly config: Config) {}

  @Get()
  @documented('List the event types', { 200: { description: 'The whole catalogue.', schema: eventTypeList } })
  listEventTypes(@Caller() principal: Principal): z.infer<typeof eventTypeList> {
    requirePartner(principal);
    return {
      data: EVENT_TYPES.map((info) => ({
        ...info,
        version: API_VERSION,
        schemaUrl: `${this.config.PUBLIC_URL}/v1/webhooks/event-types/${info.type}/schema`,
      })),
    };
  }

  @Get(':type/schema')
  @documented('Read the JSON Schema of an event type', {
    200: { description: 'JSON Schema 2020-12 of the whole body, thin or full.', schema: jsonSchema },
  })
  getEventTypeSchema(@Caller() principal: Principal, @Param('type') type: string): Record<string, unknown> {
    requirePartner(principal);
    const info = findEventType(type);
    if (info !== null) return eventJsonSchemaOf(info);
    throw new AppError(
      'not_found',
      'There is no event type of this name. GET /v1/webhooks/event-types lists them.',
    );
  }
}
