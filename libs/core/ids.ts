/** Prefixes of the public ids. Each id is the prefix, an underscore, and a UUIDv7 (RFC 9562 §5.7) in 32 hex digits. */
export const ID_PREFIXES = {
  user: 'usr',
  app: 'app',
  apiKey: 'key',
  account: 'acc',
  integration: 'int',
  run: 'run',
  record: 'rec',
  event: 'evt',
  endpoint: 'whe',
  delivery: 'whd',
  replay: 'rpl',
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Lays a 48-bit Unix time in ms and 10 bytes of entropy out as a UUIDv7 without dashes. */
function uuidV7Hex(timeMs: number, entropy: Uint8Array): string {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(timeMs) << 16n);
  bytes.set(entropy.subarray(0, 10), 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  return toHex(bytes);
}

/** A new random, time-ordered id. Not for workflow code: it reads the clock. */
export function newId(kind: IdKind): string {
  return `${ID_PREFIXES[kind]}_${uuidV7Hex(Date.now(), globalThis.crypto.getRandomValues(new Uint8Array(10)))}`;
}

/**
 * An id that is the same whenever it is derived again from the same instant and entropy,
 * e.g. the event of a finished run. `entropyHex` needs at least 20 hex digits.
 */
export function derivedId(kind: IdKind, timeMs: number, entropyHex: string): string {
  const entropy = Uint8Array.from({ length: 10 }, (_, i) =>
    Number.parseInt(entropyHex.slice(i * 2, i * 2 + 2), 16),
  );
  return `${ID_PREFIXES[kind]}_${uuidV7Hex(timeMs, entropy)}`;
}

/** The id of a sync run, from the run id of the first execution of its Temporal chain (a UUID). */
export const runIdOf = (firstExecutionRunId: string): string =>
  `${ID_PREFIXES.run}_${firstExecutionRunId.replaceAll('-', '')}`;

/** The UTC day (`YYYY-MM-DD`) inside an id's UUIDv7; for events and deliveries the partition of their rows. */
export const idDay = (id: string): string =>
  new Date(Number.parseInt(id.slice(4, 16), 16)).toISOString().slice(0, 10);

export const isId = (kind: IdKind, value: string): boolean =>
  new RegExp(`^${ID_PREFIXES[kind]}_[0-9a-f]{32}$`).test(value);
