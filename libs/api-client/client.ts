import type { components, paths } from './schema';

type Problem = components['schemas']['Problem'];

type Method = 'get' | 'post' | 'patch' | 'delete';
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;

type Parameters<O> = O extends { parameters: { path: infer Path } } ? { path: Path } : { path?: never };
type Query<O> = O extends { parameters: { query?: infer Q } } ? { query?: Q } : { query?: never };
type Body<O> = O extends { requestBody?: { content: { 'application/json': infer B } } }
  ? { body?: B }
  : { body?: never };
type Request<O> = Parameters<O> & Query<O> & Body<O> & { headers?: Readonly<Record<string, string>> };

/** What `Request` comes down to once the types have done their work. */
interface LooseRequest {
  path?: Readonly<Record<string, string>>;
  query?: Readonly<Record<string, string | number | undefined>>;
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** The JSON of every 2xx answer; `undefined` where an answer has none. */
type Answer<O> = O extends { responses: infer R }
  ? {
      [S in keyof R & (200 | 201 | 202 | 204)]: R[S] extends { content: { 'application/json': infer J } }
        ? J
        : undefined;
    }[keyof R & (200 | 201 | 202 | 204)]
  : never;

/** The API answered with a problem document (RFC 9457); branch on `problem.code`. */
export class ApiProblem extends Error {
  override name = 'ApiProblem';
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

/**
 * A typed client of the API over `fetch`: paths, parameters, bodies and answers are those of the OpenAPI document.
 *
 * @example
 * const api = createClient('http://127.0.0.1:3000', 'dtk_…');
 * const page = await api.request('get', '/v1/weight', { query: { userId } });
 */
export function createClient(baseUrl: string, apiKey: string) {
  return {
    /** @throws ApiProblem when the API says no; the fetch error when it cannot be reached */
    async request<M extends Method, P extends PathsWith<M>>(
      method: M,
      path: P,
      ...[request]: Record<never, never> extends Request<Operation<P, M>>
        ? [request?: Request<Operation<P, M>>]
        : [request: Request<Operation<P, M>>]
    ): Promise<Answer<Operation<P, M>>> {
      const given = (request ?? {}) as LooseRequest;
      const response = await fetch(urlOf(baseUrl, path, given), {
        method: method.toUpperCase(),
        headers: {
          authorization: `Bearer ${apiKey}`,
          accept: 'application/json',
          ...(given.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...given.headers,
        },
        ...(given.body === undefined ? {} : { body: JSON.stringify(given.body) }),
      });
      const text = await response.text();
      const json: unknown = text === '' ? undefined : JSON.parse(text);
      if (!response.ok) throw new ApiProblem(json as Problem);
      return json as Answer<Operation<P, M>>;
    },
  };
}

function urlOf(baseUrl: string, path: string, { path: values = {}, query = {} }: LooseRequest): URL {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(String(values[name])),
  );
  const url = new URL(filled, baseUrl);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}
