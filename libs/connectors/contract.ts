import type { z } from 'zod';
import { AppError } from '../core/errors';
import type { ProviderId } from '../core/providers';
import type { RecordDraft, ShapedStream } from '../health/records';

/** A provider's answer, already read as text, for classifying and parsing. Header names are lower case. */
export interface ProviderResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** The body parsed, undefined when it is not JSON (an HTML error page, an empty or cut answer). */
  json: unknown;
}

/**
 * The authorised HTTP port a connector is given: it adds base URL, bearer token, timeout and failure classes.
 * `path` is relative to the connector's base URL and starts with `/`.
 *
 * @throws AppError of the class that `classifyResponse` gives for an answer outside 2xx, and
 *   `provider_bad_data` for a 2xx body that is not JSON
 */
export interface ProviderHttp {
  getJson(path: string, query?: Readonly<Record<string, string | number>>): Promise<unknown>;
  postJson(path: string, body: unknown): Promise<unknown>;
}

/** One page of a window. `from` ≤ records < `to`; `pageToken` is null for the first page. */
export interface PageRequest {
  from: Date;
  to: Date;
  pageToken: string | null;
}

export interface Page {
  /** In any order and possibly with repeats: the engine de-duplicates and sorts by `sourceId`. */
  records: RecordDraft[];
  /** The token of the next page, null on the last page of the window. */
  next: string | null;
}

export interface ConnectorStream {
  stream: ShapedStream;
  /** Provider scopes of which at least one must be granted. */
  anyScope: readonly string[];
  /** The longest window one pass may ask for, in days. */
  windowDays: number;
  /** How far each pass reads back over answered time, because data arrives late, in days. */
  overlapDays: number;
  /** How far the first sync reads back, in days. */
  initialDays: number;
  /** A page token older than this is not trusted; its window starts again. */
  pageTokenTtlMs: number;
  /** @throws AppError `provider_bad_data` when the page is not of the documented shape */
  fetchPage(http: ProviderHttp, request: PageRequest): Promise<Page>;
}

export interface ConnectorAuth {
  authorizationUrl: string;
  tokenUrl: string;
  revocationUrl: string;
  /** The expected issuer for RFC 9207 `iss`; providers that send none are not checked. */
  issuer: string;
  pkce: boolean;
  scopes: readonly string[];
  scopeSeparator: ' ' | ',';
  /** Extra parameters of the authorization request, e.g. Google's `access_type=offline`. */
  authorizationParams: Readonly<Record<string, string>>;
  /** Where the accepted scopes are told: in the redirect (Strava) or in the token answer (Google). */
  grantedScopeIn: 'redirect' | 'token_response';
  /** How the revocation call authenticates and what it sends. */
  revocation: { clientAuth: 'basic' | 'none' };
  /** True when a refresh answered so means that the refresh token is dead (RFC 6749 §5.2 `invalid_grant` or the provider's own form). */
  isDeadGrant(response: ProviderResponse): boolean;
  /** True when the provider refuses our client id or secret: an operator's matter, never the user's. */
  isInvalidClient(response: ProviderResponse): boolean;
}

/** Rules of the provider's terms, as data. */
export interface ProviderPolicy {
  /** May partners read or receive these records? */
  reExport: boolean;
  /** Content may be kept this long, null = no limit. */
  cacheTtlDays: number | null;
  /** Why, in one sentence, with its source. */
  note: string;
}

export interface Connector {
  id: ProviderId;
  label: string;
  docsUrl: string;
  baseUrl: string;
  auth: ConnectorAuth;
  policy: ProviderPolicy;
  streams: readonly ConnectorStream[];
  /**
   * The provider's stable id of the connected account.
   * @param tokenResponse the parsed answer of the code exchange, which some providers put it in
   */
  accountId(http: ProviderHttp, tokenResponse: Readonly<Record<string, unknown>>): Promise<string>;
  /** Provider-specific failure classes; null = the shared classes of `classify-response.ts`. */
  classifyResponse(response: ProviderResponse, now: Date): AppError | null;
}

/**
 * Reads a provider's answer by its schema.
 *
 * @throws AppError `provider_bad_data` that names the fields which do not fit, never their values
 */
export function readWire<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const fields = [
    ...new Set(parsed.error.issues.map((issue) => issue.path.map(String).join('.') || '(all)')),
  ];
  throw new AppError('provider_bad_data', `The provider's ${what} is not of the documented shape`, {
    details: { fields: fields.slice(0, 10) },
  });
}

/** Text that PostgreSQL can hold: without NUL and without half surrogate pairs, which cut emoji leave behind. */
export const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed();

/**
 * Builds canonical content or provenance from a mapper's fields: null, missing and empty ones are left out.
 *
 * @throws AppError `provider_bad_data` when a value is outside what the canonical shape allows
 */
export function toCanonical<S extends z.ZodType>(
  schema: S,
  fields: Readonly<Record<string, unknown>>,
  what: string,
): z.output<S> {
  const present = Object.entries(fields)
    .map(([name, value]) => [name, typeof value === 'string' ? storableText(value) : value])
    .filter(([, value]) => value !== null && value !== undefined && value !== '');
  return readWire(schema, Object.fromEntries(present), what);
}

export const defineConnector = (connector: Connector): Connector => connector;
