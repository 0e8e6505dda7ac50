import type { z } from 'zod';
import type { Executor } from '../../../libs/db/database';
import { countOpenDeliveries, type Endpoint, type OpenCounts } from '../../../libs/db/endpoints.repo';
import type { EndpointSecrets } from '../../../libs/webhooks/endpoint-secret';
import { iso, isoOrNull } from '../http/wire';
import type { endpoint } from './endpoints.schema';

type WireEndpoint = z.infer<typeof endpoint>;

/** The open deliveries of endpoints are counted and the names of their headers opened. */
export async function endpointsToWire(
  db: Executor,
  secrets: EndpointSecrets,
  rows: readonly Endpoint[],
): Promise<WireEndpoint[]> {
  if (rows.length === 0) return [];
  const open = await countOpenDeliveries(
    db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => toWire(secrets, row, open.get(row.id) ?? { pending: 0, retrying: 0 }));
}

export async function endpointToWire(
  db: Executor,
  secrets: EndpointSecrets,
  row: Endpoint,
): Promise<WireEndpoint> {
  const [one] = await endpointsToWire(db, secrets, [row]);
  return one!;
}

const toWire = (secrets: EndpointSecrets, row: Endpoint, open: OpenCounts): WireEndpoint => ({
  id: row.id,
  url: row.url,
  description: row.description,
  eventTypes: row.eventTypes,
  userIds: row.userIds,
  payload: row.payload,
  fifo: row.fifo,
  ratePerS: row.ratePerS,
  headerNames: Object.keys(secrets.headersOf(row.id, row)),
  status: row.status,
  reason: row.statusReason,
  health: row.health,
  consecutiveFailures: row.consecutiveFailures,
  failingSince: isoOrNull(row.failingSince),
  heldFrom: isHeld(row) ? isoOrNull(row.heldFrom) : null,
  nextProbeAt: isoOrNull(row.nextProbeAt),
  ...open,
  handshakeAt: isoOrNull(row.handshakeAt),
  previousSecretUntil: isoOrNull(isOver(row.previousSecretUntil) ? null : row.previousSecretUntil),
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
  disabledAt: isoOrNull(row.disabledAt),
});

const isHeld = ({ status, health }: Endpoint): boolean => status !== 'enabled' || health === 'degraded';

const isOver = (until: Date | null): boolean => until !== null && until.getTime() <= Date.now();
