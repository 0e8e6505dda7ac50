import type { z } from 'zod';
import type { Connector } from '../../../libs/connectors/contract';
import type { Integration, StreamState } from '../../../libs/db/integrations.repo';
import { iso, isoOrNull } from '../http/wire';
import type { streamState } from './integrations.schema';

type WireState = z.infer<typeof streamState>;

/** Streams of a connector that the accepted scopes cover, and those they do not. */
export function splitByScope(connector: Connector, scopes: readonly string[]) {
  const covered = connector.streams.filter((s) => s.anyScope.some((scope) => scopes.includes(scope)));
  const missing = connector.streams.filter((s) => !covered.includes(s));
  return { streams: covered.map((s) => s.stream), missingStreams: missing.map((s) => s.stream) };
}

/** One line per stream of the connector: what the user accepted, how far it is read, what is wrong. */
export function streamStates(
  connector: Connector,
  integration: Integration,
  states: readonly StreamState[],
): WireState[] {
  const { missingStreams } = splitByScope(connector, integration.scopes);
  const everConnected = integration.accountId !== null;
  return connector.streams.map(({ stream }) => {
    const state = states.find((s) => s.stream === stream);
    return {
      stream,
      status: everConnected && missingStreams.includes(stream) ? 'scope_missing' : statusOf(state),
      lastErrorCode: state?.lastErrorCode ?? null,
      lastErrorAt: isoOrNull(state?.lastErrorAt ?? null),
      reading:
        state?.windowFrom && state.windowTo ? { from: iso(state.windowFrom), to: iso(state.windowTo) } : null,
      coverage: coverageOf(state),
    };
  });
}

function statusOf(state: StreamState | undefined): WireState['status'] {
  if (state === undefined) return 'waiting';
  if (state.lastErrorCode !== null) return 'failing';
  if (state.windowTo !== null) return 'reading';
  return state.answeredTo === null ? 'waiting' : 'current';
}

const coverageOf = (state: StreamState | undefined): WireState['coverage'] =>
  state?.answeredFrom && state.answeredTo
    ? { from: iso(state.answeredFrom), to: iso(state.answeredTo), gaps: state.gaps }
    : null;
