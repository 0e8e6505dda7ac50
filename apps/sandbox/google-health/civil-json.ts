/** A proto3 CivilDateTime in JSON: parts that are zero are left out. `offsetS` is seconds east of UTC. */
export function civilTimeJson(instantMs: number, offsetS: number): string {
  const local = new Date(instantMs + offsetS * 1000);
  const time = [
    part('hours', local.getUTCHours()),
    part('minutes', local.getUTCMinutes()),
    part('seconds', local.getUTCSeconds()),
  ];
  return `{"date":{"year":${local.getUTCFullYear()},"month":${local.getUTCMonth() + 1},"day":${local.getUTCDate()}},"time":{${time.filter((p) => p !== '').join(',')}}}`;
}

const part = (name: string, value: number): string => (value === 0 ? '' : `"${name}":${value}`);
