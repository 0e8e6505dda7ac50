import { Controller, Get, Inject, Param, Query, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import { FAILURES, AppError } from '../../../libs/core/errors';
import type { ProviderId } from '../../../libs/core/providers';
import { sha256Hex } from '../../../libs/crypto/digest';
import { consumeConnectState, type ConnectState } from '../../../libs/db/connect-states.repo';
import type { Database } from '../../../libs/db/database';
import { findIntegration, notePendingFailure } from '../../../libs/db/integrations.repo';
import type { Logger } from '../../../libs/telemetry/logger';
import { Public } from '../auth/public.decorator';
import { documented } from '../http/answers';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../http/problem.schema';
import { toAppError } from '../http/to-app-error';
import { DATABASE, LOGGER, RUNTIMES } from '../injection-tokens';
import { findRuntime } from '../providers/find-runtime';
import { callbackPage, returnLocation, wantsJson } from './callback-page';
import { ConnectService } from './connect.service';
import { connectFinished } from './integrations.schema';

/** Providers add parameters of their own (`scope`, `iss`, `hd`, …): only what we read is checked. */
const callbackQuery = z.looseObject({
  state: z.string().max(200).optional(),
  code: z.string().max(4096).optional(),
  error: z.string().max(200).optional(),
});

type Outcome = { integrationId: string; status: string; code: string };

@ApiTags('integrations')
@Public()
@Controller('v1/integrations')
export class CallbackController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(ConnectService) private readonly connects: ConnectService,
  ) {}

  @Get(':provider/callback')
  @documented(
    'Where the provider sends the browser back to',
    {
      200: { description: 'Connected; a page, or JSON when asked for.', schema: connectFinished },
      302: { description: 'To the return URL with `integrationId`, `status` and `code` in its query.' },
    },
    'Public: the state parameter, valid once for ten minutes, stands for the caller.',
  )
  async finishConnect(
    @Param('provider') providerText: string,
    @Query({ schema: callbackQuery }) query: z.output<typeof callbackQuery>,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const runtime = findRuntime(this.runtimes, providerText);
    const flow =
      query.state === undefined
        ? null
        : await consumeConnectState(this.db, sha256Hex(query.state), runtime.connector.id);
    if (flow === null) {
      const gone = new AppError(
        'connect_state_invalid',
        'This connect link is unknown, was used, or is over. Start again with POST …/connect.',
      );
      return this.#answer(request, reply, gone, null, null);
    }
    try {
      const search = request.url.split('?', 2)[1] ?? '';
      const { id, status, statusReason } = await this.connects.finish(runtime, flow, query.state!, search);
      const outcome = { integrationId: id, status, code: statusReason ?? 'connected' };
      return this.#answer(request, reply, null, outcome, flow.returnUrl);
    } catch (error) {
      const failure = toAppError(error);
      return this.#answer(request, reply, failure, await this.#failed(flow, failure), flow.returnUrl);
    }
  }

  async #failed(flow: ConnectState, failure: AppError): Promise<Outcome> {
    const { integrationId } = flow;
    this.logger[FAILURES[failure.code].who === 'us' ? 'error' : 'info']('connect failed', {
      integrationId,
      code: failure.code,
      cause: failure.cause,
    });
    await notePendingFailure(this.db, integrationId, failure.code);
    const integration = await findIntegration(this.db, integrationId);
    return { integrationId, status: integration?.status ?? 'pending', code: failure.code };
  }

  /** JSON when asked for, else the return URL, else a page. */
  #answer(
    request: FastifyRequest,
    reply: FastifyReply,
    failure: AppError | null,
    outcome: Outcome | null,
    returnUrl: string | null,
  ): void {
    const status = failure === null ? 200 : FAILURES[failure.code].status;
    if (wantsJson(request.headers.accept)) {
      const body = failure === null ? outcome : problemOf(withOutcome(failure, outcome), request);
      void reply
        .status(status)
        .header('content-type', failure === null ? 'application/json; charset=utf-8' : PROBLEM_MEDIA_TYPE)
        .send(JSON.stringify(body));
    } else if (returnUrl !== null && outcome !== null) {
      void reply.redirect(returnLocation(returnUrl, outcome), 302);
    } else {
      const code = failure?.code ?? outcome?.code ?? 'connected';
      void reply.status(status).header('content-type', 'text/html; charset=utf-8').send(callbackPage(code));
    }
  }
}

const withOutcome = (failure: AppError, outcome: Outcome | null) => ({
  code: failure.code,
  message: failure.message,
  details: outcome === null ? failure.details : { ...failure.details, ...outcome },
});
