import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { SandboxContext } from './context';
import { FAULTS, FAULT_KINDS, type FaultKind, type FaultTarget } from './faults';
import type { SandboxProvider } from './providers';
import type { ProviderRefusal } from './provider-refusal';

const SLOW_MS = 1000;

/** What the injected failures look like at one provider. */
export interface FaultDialect {
  provider: SandboxProvider;
  /** Paths that begin so are data requests: what a fault without `path` strikes. */
  isDataPath(path: string): boolean;
  rateLimited(): ProviderRefusal;
  serverError(): ProviderRefusal;
  forbidden(): ProviderRefusal;
  accountNotLinked(): ProviderRefusal;
}

const BAD_GATEWAY_PAGE =
  '<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>\n';

const ANSWERING = FAULT_KINDS.filter(
  (kind) => FAULTS[kind].strikes === 'data' && kind !== 'slow' && kind !== 'malformed_json',
);

/** Counts every request of the scope and lets the armed faults strike before the handlers run. */
export function installFaults(app: FastifyInstance, context: SandboxContext, dialect: FaultDialect): void {
  const malformed = new WeakSet<FastifyRequest>();

  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    context.stats.countRequest(dialect.provider, `${request.method} ${request.routeOptions.url ?? path}`);
    if (context.faults.isQuiet) return;
    const target = targetOf(context, dialect, request, path);
    const slow = context.faults.strike(['slow'], target);
    if (slow !== undefined) await delay(slow.delayMs ?? SLOW_MS, undefined, { ref: false });
    const fault = context.faults.strike(ANSWERING, target);
    if (fault !== undefined) return answer(fault.kind, context, dialect, request, reply);
    if (context.faults.strike(['malformed_json'], target) !== undefined) malformed.add(request);
  });

  app.addHook('onSend', async (request, _reply, payload) => {
    if (!malformed.has(request) || typeof payload !== 'string') return payload;
    return payload.slice(0, Math.max(1, Math.floor(payload.length / 2)));
  });
}

function targetOf(
  context: SandboxContext,
  dialect: FaultDialect,
  request: FastifyRequest,
  path: string,
): FaultTarget {
  const { provider } = dialect;
  const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const name = bearer === undefined ? undefined : context.vault.find(bearer, 'access')?.grant.accountName;
  const account = name === undefined ? undefined : context.store.find(provider, name);
  return {
    provider,
    path,
    isDataPath: dialect.isDataPath(path),
    accountNames: account === undefined ? [] : [account.name, account.id],
  };
}

function answer(
  kind: FaultKind,
  context: SandboxContext,
  dialect: FaultDialect,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  switch (kind) {
    case 'drop':
      return destroyConnection(request, reply);
    case 'html_error':
      return reply.code(502).type('text/html').send(BAD_GATEWAY_PAGE);
    case 'rate_limited':
      context.stats.countRateLimited(dialect.provider);
      throw dialect.rateLimited();
    case 'forbidden_all':
      throw dialect.forbidden();
    case 'account_not_linked':
      throw dialect.accountNotLinked();
    default:
      throw dialect.serverError();
  }
}

function destroyConnection(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.hijack();
  request.raw.socket.destroy();
  return reply;
}

/**
 * The fault `drop_after_commit`: the token endpoint has done its work, but the caller never hears of it.
 * @returns the hijacked reply when the fault struck, else null
 */
export function dropAfterCommit(
  context: SandboxContext,
  provider: SandboxProvider,
  accountName: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | null {
  const account = context.store.find(provider, accountName);
  const accountNames = account === undefined ? [accountName] : [account.name, account.id];
  const target = { provider, path: request.url, isDataPath: false, accountNames };
  if (context.faults.strike(['drop_after_commit'], target) === undefined) return null;
  return destroyConnection(request, reply);
}
