import { request } from 'undici';
import { type Job, startJob } from './webhooks-child';
import type { SinkMode } from './webhooks-sink';
import type { SinkStats } from './webhooks-sink-ledger';

/** The receiver as the bench steers it. A group is a first path segment: `/open`. */
export interface Sink {
  pid: number;
  urlOf(group: string, endpoint: number): string;
  setMode(groupOrPath: string, mode: SinkMode): Promise<void>;
  /** @param except a path to leave out @param until monotonic ms up to which `inTime` counts */
  stats(group: string, options?: { except?: string; until?: number }): Promise<SinkStats>;
  /** How many different events the group's endpoints received, summed up; cheap enough to ask during a run. */
  unique(group: string, except?: string): Promise<number>;
  close(): void;
}

/** Starts the receiver's process. */
export async function startSink(): Promise<Sink> {
  const job: Job<{ port: number }> = await startJob('webhooks-sink', {});
  const { port } = await job.run(10_000);
  const base = `http://127.0.0.1:${port}`;
  const ask = async (method: 'GET' | 'PUT', path: string, query: Record<string, string>): Promise<string> => {
    const { statusCode, body } = await request(`${base}${path}?${new URLSearchParams(query)}`, { method });
    const text = await body.text();
    if (statusCode >= 300) throw new Error(`the receiver answered ${statusCode} to ${method} ${path}`);
    return text;
  };
  return {
    pid: job.pid,
    urlOf: (group, endpoint) => `${base}${group}/${endpoint}`,
    setMode: async (prefix, mode) => void (await ask('PUT', '/control/mode', { prefix, mode })),
    stats: async (group, { except, until } = {}) =>
      JSON.parse(
        await ask('GET', '/control/stats', {
          prefix: `${group}/`,
          ...(except === undefined ? {} : { except }),
          ...(until === undefined ? {} : { until: String(until) }),
        }),
      ) as SinkStats,
    unique: async (group, except) =>
      Number(
        await ask('GET', '/control/unique', {
          prefix: `${group}/`,
          ...(except === undefined ? {} : { except }),
        }),
      ),
    close: () => job.end(),
  };
}
