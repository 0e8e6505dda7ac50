import type { Scene } from './chaos-scene';

/** True since `POST /v1/webhooks/endpoints/{id}/rotate-secret` exists. */
export const ROTATION_IS_BUILT = true;

/** The first secret stays good for longer than the test. */
const OVERLAP_S = 3_600;

/** Gives every other endpoint a second secret; from then on its receiver checks with both. */
export async function rotateSecrets({ endpoints, say }: Scene): Promise<void> {
  if (!ROTATION_IS_BUILT) return;
  const half = endpoints.filter((_, i) => i % 2 === 0);
  for (const { api, id, receiver } of half) {
    const path = `/v1/webhooks/endpoints/${id}/rotate-secret`;
    const { secret } = await api.post<{ secret: string }>(path, { overlapS: OVERLAP_S });
    receiver.secrets.rotated(secret);
  }
  say(`${half.length} endpoints have a second secret`);
}
