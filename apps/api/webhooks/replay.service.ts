import { Inject, Injectable } from '@nestjs/common';
import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import {
  createReplay,
  endReplay,
  eventsKeptFrom,
  type NewReplay,
  type Replay,
} from '../../../libs/db/replays.repo';
import { replayStartOptions, replayWorkflowId, WORKFLOWS } from '../../../workflows/contract';
import { isEngineAway } from '../http/to-app-error';
import { DATABASE, TEMPORAL } from '../injection-tokens';

const ENGINE_TIMEOUT_MS = 5_000;
/** A client's clock may be ahead of ours by so much. */
const CLOCK_SKEW_MS = 60_000;

/** Starts and cancels replays. The row is the truth: while Temporal is away both are done as soon as it is back. */
@Injectable()
export class ReplayService {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(TEMPORAL) private readonly temporal: Client,
  ) {}

  /** @throws AppError `invalid_request` for a range that cannot be, `not_found`, `conflict` */
  async start(request: Omit<NewReplay, 'to'> & { to: Date | null }): Promise<Replay> {
    const now = new Date();
    const to = request.to ?? now;
    await this.#checkRange(request.from, to, now);
    const replay = await createReplay(this.db, { ...request, to: to > now ? now : to });
    await this.#ask(() =>
      this.temporal.workflow.start(
        WORKFLOWS.replayEndpoint,
        replayStartOptions({ replayId: replay.id, endpointId: replay.endpointId }),
      ),
    );
    return replay;
  }

  /** @throws AppError `conflict` when it has ended */
  async cancel(replay: Replay, actor: string): Promise<Replay> {
    const ended = await endReplay(this.db, replay.id, 'cancelled', actor);
    if (ended === null)
      throw new AppError('conflict', 'This replay has ended already.', { details: { replayId: replay.id } });
    await this.#ask(async () => {
      try {
        await this.temporal.workflow.getHandle(replayWorkflowId(replay.id)).cancel();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    });
    return ended;
  }

  async #checkRange(from: Date, to: Date, now: Date): Promise<void> {
    const wrong = (field: 'from' | 'to', message: string): AppError =>
      new AppError('invalid_request', `${field}: ${message}`, { details: { fields: [{ field, message }] } });
    if (from > now) throw wrong('from', `lies in the future; it is ${now.toISOString()} now`);
    if (to.getTime() > now.getTime() + CLOCK_SKEW_MS)
      throw wrong(
        'to',
        `lies in the future; it is ${now.toISOString()} now. Leave it out to replay up to now`,
      );
    if (from >= to) throw wrong('from', 'must be before `to`');
    const keptFrom = await eventsKeptFrom(this.db);
    if (from < keptFrom)
      throw wrong(
        'from',
        `events are kept since ${keptFrom.toISOString()}; the range can begin there at the earliest`,
      );
  }

  /** While the engine is away the row alone says what is to be done; the worker makes up for it. */
  async #ask(call: () => Promise<unknown>): Promise<void> {
    try {
      await this.temporal.withDeadline(Date.now() + ENGINE_TIMEOUT_MS, call);
    } catch (error) {
      if (!isEngineAway(error)) throw error;
    }
  }
}
