import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { wordOfNetworkError } from './network-failure';

const TOTAL_TIMEOUT_MS = 15_000;
const MAX_RESPONSE_BYTES = 16 * 1024;

export interface HttpQuestion {
  method: 'POST' | 'OPTIONS';
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string | null;
  /** Ends the exchange early, when the process stops. */
  signal?: AbortSignal;
  /** For tests; 15 s by default. */
  timeoutMs?: number;
}

/** What came back. `failure` is `aborted`, `invalid_url` or a word of network-failure.ts. */
export type HttpOutcome =
  { statusCode: number; headers: IncomingHttpHeaders; body: Buffer } | { statusCode: null; failure: string };

/**
 * One HTTP exchange with an endpoint. Takes at most 15 s in all, reads at most 16 KiB of the answer's body and then drops
 * the connection; once a status came it stands, even when the body breaks off, is too slow or never ends. Never rejects.
 */
export function exchange(egress: Dispatcher, question: HttpQuestion): Promise<HttpOutcome> {
  const url = URL.parse(question.url);
  if (url === null) return Promise.resolve({ statusCode: null, failure: 'invalid_url' });
  if (question.signal?.aborted) return Promise.resolve({ statusCode: null, failure: 'aborted' });
  return new Promise((resolve) => {
    const { method, headers, body } = question;
    egress.dispatch(
      { origin: url.origin, path: url.pathname + url.search, method, headers, body },
      new ResponseCollector(resolve, question.timeoutMs ?? TOTAL_TIMEOUT_MS, question.signal),
    );
  });
}

/**
 * undici's dispatch handler instead of its `request`, because this is the hot path: without a stream and two AbortSignals
 * per call an exchange costs about half the CPU.
 */
class ResponseCollector implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | null = null;
  #answer: { statusCode: number; headers: IncomingHttpHeaders } | null = null;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #settled = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly resolve: (outcome: HttpOutcome) => void,
    timeoutMs: number,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.#timer = setTimeout(() => this.#end('timeout'), timeoutMs);
    signal?.addEventListener('abort', this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) controller.abort(new Error('too late'));
    else this.#controller = controller;
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode >= 200) this.#answer = { statusCode, headers };
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= MAX_RESPONSE_BYTES) this.#end('bad_response');
  }

  onResponseEnd(): void {
    this.#settle('bad_response');
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#settle(wordOfNetworkError(error));
  }

  readonly #onAbort = (): void => this.#end('aborted');

  /** Settles and drops the connection. */
  #end(failure: string): void {
    this.#settle(failure);
    this.#controller?.abort(new Error(failure));
  }

  #settle(failure: string): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#answer === null) this.resolve({ statusCode: null, failure });
    else this.resolve({ ...this.#answer, body: Buffer.concat(this.#chunks) });
  }
}
