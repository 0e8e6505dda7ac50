import type { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { SandboxContext } from '../context';
import { sandboxProviderSchema, type SandboxProvider } from '../providers';
import type { AccountOf } from '../store';

/** @throws AppError `invalid_request` whose details list each wrong field */
export function readInput<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((i) => ({ path: i.path.join('.'), message: i.message }));
  const text = issues.map((i) => `${i.path === '' ? 'body' : i.path}: ${i.message}`).join('; ');
  throw new AppError('invalid_request', text, { details: { issues } });
}

export const readProvider = (text: string): SandboxProvider => readInput(sandboxProviderSchema, text);

/** @throws AppError `not_found` */
export function findAccount<P extends SandboxProvider>(
  context: SandboxContext,
  provider: P,
  nameOrId: string,
): AccountOf<P> {
  const account = context.store.find(provider, nameOrId);
  if (account === undefined)
    throw new AppError('not_found', `there is no account "${nameOrId}" at ${provider}`);
  return account;
}
