import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Config } from '../../../libs/config/config';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import { AppError } from '../../../libs/core/errors';
import type { ProviderId } from '../../../libs/core/providers';
import type { Database } from '../../../libs/db/database';
import { readRecordsNow } from '../../../libs/db/deliveries-records';
import {
  feedBounds,
  findEvent,
  readFeed,
  sequenceEvents,
  type FeedReader,
} from '../../../libs/db/event-feed.repo';
import type { Principal } from '../../../libs/db/principals.repo';
import { boundedEventBody, eventBody } from '../../../libs/webhooks/event-body';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { pathId } from '../http/wire';
import { CONFIG, DATABASE, RUNTIMES } from '../injection-tokens';
import { event, eventQuery, feedPage, feedQuery } from './events.schema';
import { decodePosition, encodePosition, expiredPosition, unknownPosition } from './feed-position';

type WireEvent = z.infer<typeof event>;

/** What webhooks tell, to be read instead: for partners without a server, and to make sure that nothing is missing. */
@ApiTags('events')
@ApiBearerAuth('apiKey')
@Controller('v1/events')
export class EventsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
  ) {}

  @Get()
  @documented(
    'Read the change feed',
    { 200: { description: 'Oldest first, thin.', schema: feedPage } },
    'Every event your app may see, in one order that never changes and without gaps: an event never appears before a position you have read past. Grants are those of the moment you read.',
  )
  async listEvents(
    @Caller() principal: Principal,
    @Query({ schema: feedQuery }) query: z.output<typeof feedQuery>,
  ): Promise<z.infer<typeof feedPage>> {
    const reader = this.#readerOf(principal);
    await sequenceEvents(this.db);
    const page = await readFeed(this.db, {
      ...reader,
      after: await this.#placeOf(query.after),
      limit: query.limit,
      types: query.types ?? ['*'],
      userId: query.userId ?? null,
    });
    return {
      data: page.events.map(
        (one) => JSON.parse(boundedEventBody(one, null, this.config.PUBLIC_URL)) as WireEvent,
      ),
      next: encodePosition(page.next),
      hasMore: page.hasMore,
    };
  }

  @Get(':id')
  @documented('Read one event', { 200: { description: 'The whole event, however long.', schema: event } })
  async getEvent(
    @Caller() principal: Principal,
    @Param('id') id: string,
    @Query({ schema: eventQuery }) { payload }: z.output<typeof eventQuery>,
  ): Promise<WireEvent> {
    const found = await findEvent(this.db, this.#readerOf(principal), pathId('event', id));
    if (found === null) throw new AppError('not_found', 'There is no event with this id.');
    const ids = payload === 'full' ? found.data.records?.map((record) => record.id) : undefined;
    const recordsNow = ids === undefined ? null : await readRecordsNow(this.db, ids);
    return JSON.parse(eventBody(found, recordsNow)) as WireEvent;
  }

  #readerOf(principal: Principal): FeedReader {
    requirePartner(principal);
    const providers = [...this.runtimes.values()].filter((r) => r.policy.reExport).map((r) => r.connector.id);
    return { appId: principal.appId, providers };
  }

  /** @throws AppError `invalid_request` for a position that is not of this feed, or older than what is kept */
  async #placeOf(after: string | undefined): Promise<number> {
    if (after === undefined) return 0;
    const place = decodePosition(after);
    const { first, last } = await feedBounds(this.db);
    if (place > last) throw unknownPosition();
    if (place + 1 < first) throw expiredPosition();
    return place;
  }
}
