import { Controller, Get, Header, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Client, Connection } from '@temporalio/client';
import { sql } from 'drizzle-orm';
import type { Registry } from 'prom-client';
import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import { isTemporalReady } from '../../../temporal/connection';
import { Public } from '../auth/public.decorator';
import { documented } from '../http/answers';
import { DATABASE, METRICS, TEMPORAL } from '../injection-tokens';

const CHECK_TIMEOUT_MS = 2_000;

const health = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Health' });
const readiness = z
  .strictObject({ status: z.literal('ready'), database: z.literal('ok'), temporal: z.literal('ok') })
  .meta({ id: 'Readiness' });

@ApiTags('health')
@Public()
@Controller()
export class HealthController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(TEMPORAL) private readonly temporal: Client,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {}

  @Get('health')
  @documented('Is the process alive?', { 200: { description: 'Yes.', schema: health } })
  getHealth(): z.infer<typeof health> {
    return { status: 'ok' };
  }

  @Get('ready')
  @documented('Can the API work: do PostgreSQL and Temporal answer within 2 s?', {
    200: { description: 'Both answer.', schema: readiness },
  })
  async getReadiness(): Promise<z.infer<typeof readiness>> {
    const [database, temporal] = await Promise.all([
      withinLimit(this.db.execute(sql`select 1`).then(() => true)),
      withinLimit(isTemporalReady(this.temporal.connection as Connection, CHECK_TIMEOUT_MS)),
    ]);
    if (database && temporal) return { status: 'ready', database: 'ok', temporal: 'ok' };
    const state = (ok: boolean): string => (ok ? 'ok' : 'no answer');
    throw new AppError(
      database ? 'engine_unavailable' : 'database_unavailable',
      `Not ready: database ${state(database)}, temporal ${state(temporal)}.`,
      { details: { database: state(database), temporal: state(temporal) } },
    );
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @documented('Prometheus metrics', { 200: { description: 'Text exposition format.' } })
  getMetrics(): Promise<string> {
    return this.metrics.metrics();
  }
}

/** False when the check fails or does not end in time. */
async function withinLimit(check: Promise<boolean>): Promise<boolean> {
  const { promise: timeUp, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS);
  return Promise.race([check.catch(() => false), timeUp]).finally(() => clearTimeout(timer));
}
