import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monotonicMs } from './webhooks-clock';
import { serveJob } from './webhooks-child';
import { PathLedger, type SinkStats } from './webhooks-sink-ledger';

/** The receiver of `bench:webhooks`: one process, one path per endpoint, and a control path to steer and to read it. */
const MODES = ['accept', 'hang', 'big'] as const;

/** `accept` answers 200 at once, `hang` never answers, `big` answers 200 and streams 200 MB. */
export type SinkMode = (typeof MODES)[number];

const BIG_BYTES = 200 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024, 'x');

const ledgers = new Map<string, PathLedger>();
/** Modes by the first segment of the path (`/open`), which is the case it belongs to, or by the whole path. */
const modes = new Map<string, SinkMode>();
const hanging = new Set<ServerResponse>();

const groupOf = (path: string): string => path.slice(0, path.indexOf('/', 1) >>> 0);

function receive(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url!;
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const receivedAt = monotonicMs();
    const mode = modes.get(path) ?? modes.get(groupOf(path)) ?? 'accept';
    let ledger = ledgers.get(path);
    if (!ledger) ledgers.set(path, (ledger = new PathLedger()));
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    if (mode === 'hang') {
      ledger.unanswered += 1;
      hanging.add(response);
      response.once('close', () => hanging.delete(response));
      return;
    }
    ledger.add(String(request.headers['webhook-id']), publishedAt(body), receivedAt);
    if (mode === 'big') streamBig(response);
    else response.writeHead(200, { 'content-length': 2 }).end('ok');
  });
}

/** The time the loader put into the event as `data.at`; JSON.parse of the whole body would cost more than the rest. */
function publishedAt(body: Buffer): number {
  const at = body.indexOf('"at":');
  return Number.parseFloat(body.toString('latin1', at + 5, at + 25));
}

function streamBig(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': BIG_BYTES });
  let left = BIG_BYTES;
  const push = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= CHUNK.length;
      if (!response.write(CHUNK)) return;
    }
    response.end();
  };
  response.on('drain', push).on('error', () => response.destroy());
  push();
}

/**
 * `GET /control/stats?prefix=/open/&until=<monotonic ms>&except=/open/3`, `GET /control/unique?prefix=/open/`, which is
 * cheap enough to ask during a run, and `PUT /control/mode?prefix=/open&mode=hang`.
 */
function control(url: URL, response: ServerResponse): void {
  const prefix = url.searchParams.get('prefix') ?? '/';
  const except = url.searchParams.get('except');
  const group = [...ledgers].flatMap(([path, ledger]) =>
    path.startsWith(prefix) && path !== except ? [ledger] : [],
  );
  const answer = (value: SinkStats | number): void =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  if (url.pathname === '/control/stats')
    return answer(PathLedger.stats(group, Number(url.searchParams.get('until') ?? Number.MAX_VALUE)));
  if (url.pathname === '/control/unique') return answer(PathLedger.unique(group));
  const mode = MODES.find((known) => known === url.searchParams.get('mode'));
  if (url.pathname !== '/control/mode' || mode === undefined) {
    response.writeHead(404).end();
    return;
  }
  modes.set(prefix, mode);
  for (const open of mode === 'hang' ? [] : hanging) open.destroy();
  response.writeHead(204).end();
}

serveJob<object, { port: number }>(async () => {
  const server = createServer((request, response) => {
    if (request.url!.startsWith('/control/')) control(new URL(request.url!, 'http://sink'), response);
    else receive(request, response);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return () => Promise.resolve({ port: (server.address() as AddressInfo).port });
});
