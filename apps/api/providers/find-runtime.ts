import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import { AppError } from '../../../libs/core/errors';
import { parseProviderId, type ProviderId } from '../../../libs/core/providers';

/** @throws AppError `unknown_provider` that lists the known ones */
export function findRuntime(
  runtimes: ReadonlyMap<ProviderId, ProviderRuntime>,
  text: string,
): ProviderRuntime {
  const id = parseProviderId(text);
  const runtime = id === null ? undefined : runtimes.get(id);
  if (runtime) return runtime;
  const known = [...runtimes.keys()].sort();
  throw new AppError('unknown_provider', `There is no such provider. Known: ${known.join(', ')}.`, {
    details: { known },
  });
}
