import { Controller, Get, Inject, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import type { ProviderId } from '../../../libs/core/providers';
import { STREAM_SCOPE } from '../../../libs/core/scopes';
import type { Database } from '../../../libs/db/database';
import type { Principal } from '../../../libs/db/principals.repo';
import { listRecords, providersOfUser } from '../../../libs/db/records-read.repo';
import type { ShapedStream } from '../../../libs/health/records';
import { Caller } from '../auth/caller.decorator';
import { requireGrant, userOf } from '../auth/require-grant';
import { documented } from '../http/answers';
import { decodeCursor, toPage, wrongCursor } from '../http/cursor';
import { DATABASE, RUNTIMES } from '../injection-tokens';
import {
  activityPage,
  listRecordsQuery,
  recordToWire,
  weightPage,
  type RecordPage,
  type Withheld,
} from './records.schema';

type Query = z.output<typeof listRecordsQuery>;

@ApiTags('records')
@ApiBearerAuth('apiKey')
@Controller('v1')
export class RecordsController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
  ) {}

  @Get('activities')
  @documented("List a user's workouts", { 200: { description: 'Newest first.', schema: activityPage } })
  listActivities(
    @Caller() principal: Principal,
    @Query({ schema: listRecordsQuery }) query: Query,
  ): Promise<z.infer<typeof activityPage>> {
    return this.#list('activity', principal, query);
  }

  @Get('weight')
  @documented("List a user's weights", { 200: { description: 'Newest first.', schema: weightPage } })
  listWeight(
    @Caller() principal: Principal,
    @Query({ schema: listRecordsQuery }) query: Query,
  ): Promise<z.infer<typeof weightPage>> {
    return this.#list('weight', principal, query);
  }

  async #list<S extends ShapedStream>(stream: S, principal: Principal, query: Query): Promise<RecordPage<S>> {
    const userId = userOf(principal, query.userId);
    await requireGrant(this.db, principal, userId, STREAM_SCOPE[stream]);
    const withheld = await this.#withheld(stream, principal, userId, query.provider ?? null);
    const rows = await listRecords(this.db, {
      userId,
      stream,
      from: query.from ?? null,
      to: query.to ?? null,
      provider: query.provider ?? null,
      hidden: this.#hiddenFrom(principal),
      limit: query.limit,
      before: query.cursor === undefined ? null : recordCursor(query.cursor),
    });
    const page = toPage(rows, query.limit, (row) => [row.startsAt.toISOString(), row.id], recordToWire);
    return { ...page, withheld } as RecordPage<S>;
  }

  /** Providers whose terms let their records reach the user, but no partner (design §6.9). */
  #hiddenFrom(principal: Principal): ProviderId[] {
    if (principal.userId !== null) return [];
    return [...this.runtimes.values()].filter((r) => !r.policy.reExport).map((r) => r.connector.id);
  }

  async #withheld(
    stream: ShapedStream,
    principal: Principal,
    userId: string,
    provider: ProviderId | null,
  ): Promise<Withheld> {
    const hidden = this.#hiddenFrom(principal);
    if (hidden.length === 0) return [];
    const connected = await providersOfUser(this.db, userId);
    return hidden
      .filter((id) => connected.includes(id) && (provider === null || provider === id))
      .map((id) => this.runtimes.get(id)!)
      .filter((runtime) => runtime.connector.streams.some((s) => s.stream === stream))
      .map((runtime) => ({ provider: runtime.connector.id, reason: runtime.policy.note }));
  }
}

function recordCursor(cursor: string): { startsAt: Date; id: string } {
  const [at, id] = decodeCursor(cursor);
  const startsAt = new Date(at ?? '');
  if (id === undefined || Number.isNaN(startsAt.getTime())) throw wrongCursor();
  return { startsAt, id };
}
