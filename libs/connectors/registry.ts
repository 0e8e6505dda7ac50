import { AppError } from '../core/errors';
import type { Connector } from './contract';
import { googleHealth } from './google-health/connector';
import { strava } from './strava/connector';

/** Every provider on offer, one line each. */
export const CONNECTORS: readonly Connector[] = [strava, googleHealth];

/** @throws AppError `unknown_provider` when no connector has this id */
export function connectorOf(id: string): Connector {
  const connector = CONNECTORS.find((c) => c.id === id);
  if (!connector) throw new AppError('unknown_provider', `There is no connector for ${id.slice(0, 40)}`);
  return connector;
}
