import type { Sealer } from '../crypto/sealer';

/** Binds a sealed secret to its endpoint's row, so that it opens nowhere else. */
const contextOf = (endpointId: string): string => `endpoint:${endpointId}`;

/** Seals an endpoint's `whsec_…` for `endpoints.secret_sealed`. */
export const sealEndpointSecret = (sealer: Sealer, endpointId: string, secret: string): string =>
  sealer.seal(secret, contextOf(endpointId));

/** Opens `endpoints.secret_sealed`. @throws Error when it was altered, moved, or its key is gone */
export const openEndpointSecret = (sealer: Sealer, endpointId: string, sealed: string): string =>
  sealer.open(sealed, contextOf(endpointId));
