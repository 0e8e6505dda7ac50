import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { Config } from '../../../libs/config/config';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import { isGranted, type Principal } from '../../../libs/db/principals.repo';
import { findRun, listRuns } from '../../../libs/db/sync-runs-read.repo';
import { Caller } from '../auth/caller.decorator';
import { requireIntegration } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { pathId } from '../http/wire';
import { CONFIG, DATABASE } from '../injection-tokens';
import { listRunsQuery, run, runPage, runToWire } from './runs.schema';

@ApiTags('runs')
@ApiBearerAuth('apiKey')
@Controller('v1/runs')
export class RunsController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(DATABASE) private readonly db: Database,
  ) {}

  @Get()
  @documented('List the sync runs of an integration', {
    200: { description: 'Newest first.', schema: runPage },
  })
  async listRuns(
    @Caller() principal: Principal,
    @Query({ schema: listRunsQuery }) query: z.output<typeof listRunsQuery>,
  ): Promise<z.infer<typeof runPage>> {
    const { integrationId, limit, cursor } = query;
    await requireIntegration(this.db, principal, integrationId, 'integrations.read');
    const rows = await listRuns(this.db, integrationId, { limit, beforeId: idCursor('run', cursor) });
    return toPage(rows, limit, (row) => [row.id], runToWire(this.config));
  }

  @Get(':id')
  @documented('Read one sync run', { 200: { description: 'The run, counts per stream.', schema: run } })
  async getRun(@Caller() principal: Principal, @Param('id') id: string): Promise<z.infer<typeof run>> {
    const found = await findRun(this.db, pathId('run', id));
    if (found && (await isGranted(this.db, principal, found.userId, 'integrations.read')))
      return runToWire(this.config)(found.run);
    throw new AppError('not_found', 'There is no run with this id.');
  }
}
