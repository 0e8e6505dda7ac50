import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { SandboxContext } from '../context';
import { type Fault, FAULT_KINDS } from '../faults';
import { sandboxProviderSchema } from '../providers';
import { findAccount, readInput } from './read-input';

const faultBodySchema = z.strictObject({
  provider: sandboxProviderSchema,
  kind: z.enum(FAULT_KINDS),
  path: z.string().min(1).optional(),
  account: z.string().min(1).optional(),
  times: z.number().int().min(1).optional(),
  delayMs: z.number().int().min(0).max(600_000).optional(),
});

/** Infinity has no JSON form: `left: null` means until it is cleared. */
const shown = (fault: Fault): unknown => ({
  ...fault,
  left: Number.isFinite(fault.left) ? fault.left : null,
});

/** Arming, listing and clearing faults. */
export function controlFaultRoutes(app: FastifyInstance, context: SandboxContext): void {
  app.post('/control/faults', async (request, reply) => {
    const body = readInput(faultBodySchema, request.body);
    if (body.kind === 'account_not_linked' && body.provider !== 'google_health')
      throw new AppError('invalid_request', 'account_not_linked exists at google_health only');
    const name =
      body.account === undefined ? undefined : findAccount(context, body.provider, body.account).name;
    const fault = context.faults.arm(body);
    if (body.kind !== 'token_expired' && body.kind !== 'dead_refresh_token')
      return reply.code(201).send(shown(fault));
    const kinds = body.kind === 'token_expired' ? (['access'] as const) : (['access', 'refresh'] as const);
    const affected = context.vault.kill(body.provider, kinds, name);
    context.faults.spend(fault);
    return reply.code(201).send({ ...fault, affectedTokens: affected });
  });

  app.get('/control/faults', async () => {
    const { armed, spent } = context.faults.list();
    return { armed: armed.map(shown), spent: spent.map(shown) };
  });

  app.delete('/control/faults', async (_request, reply) => {
    context.faults.clear();
    return reply.code(204).send();
  });
}
