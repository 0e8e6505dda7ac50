/**
 * A stable shard of an id in [0, shards): 32-bit FNV-1a (draft-eastlake-fnv-31) over the UTF-8 bytes, modulo `shards`.
 * The same id always lands on the same shard, in every process and version.
 */
export function shardOf(id: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(id)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return (hash >>> 0) % shards;
}
