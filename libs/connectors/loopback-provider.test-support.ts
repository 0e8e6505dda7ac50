import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadRuntimes, runtimeOf, type ProviderRuntime } from './runtime';
import type { ProviderId } from '../core/providers';

interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  form: URLSearchParams;
  body: string;
}

type Answer = (request: SeenRequest, response: ServerResponse) => void;

/** A real HTTP server on loopback that answers as the test says and remembers what it was asked. */
export interface LoopbackProvider {
  url: string;
  seen: SeenRequest[];
  answerWith(status: number, body: unknown, headers?: Record<string, string>): void;
  answerBy(answer: Answer): void;
  runtime(id: ProviderId, env?: Record<string, string>): ProviderRuntime;
  close(): Promise<void>;
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

export async function startLoopbackProvider(): Promise<LoopbackProvider> {
  const seen: SeenRequest[] = [];
  let answer: Answer = (_, response) => response.writeHead(404).end();
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://loopback');
      const asked: SeenRequest = {
        method: request.method ?? '',
        path: pathname,
        query: searchParams,
        headers: request.headers,
        form: new URLSearchParams(body),
        body,
      };
      seen.push(asked);
      answer(asked, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    answerBy: (next) => {
      answer = next;
    },
    answerWith: (status, body, headers = {}) => {
      const isText = typeof body === 'string';
      const type = isText ? 'text/html' : 'application/json';
      answer = (_, response) =>
        response
          .writeHead(status, { 'content-type': type, ...headers })
          .end(isText ? body : JSON.stringify(body));
    },
    runtime: (id, env = {}) => {
      const prefix = `PROVIDER_${id.toUpperCase()}`;
      return runtimeOf(
        loadRuntimes({
          [`${prefix}_CLIENT_ID`]: 'client-1',
          [`${prefix}_CLIENT_SECRET`]: 's3cret/+ü',
          [`${prefix}_AUTH_URL`]: `${url}/authorize`,
          [`${prefix}_TOKEN_URL`]: `${url}/token`,
          [`${prefix}_REVOKE_URL`]: `${url}/revoke`,
          [`${prefix}_BASE_URL`]: `${url}/api/`,
          ...env,
        }),
        id,
      );
    },
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
