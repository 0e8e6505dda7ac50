import { z } from 'zod';
import { AppError } from '../../core/errors';
import type { RecordDraft } from '../../health/records';
import {
  defineConnector,
  readWire,
  type ConnectorStream,
  type Page,
  type PageRequest,
  type ProviderHttp,
} from '../contract';
import { exercisePage, toActivity } from './exercise.map';
import { classifyGoogleHealthResponse, isDeadGoogleGrant, isInvalidGoogleClient } from './failures';
import { toWeight, weightPage } from './weight.map';

const SCOPE = 'https://www.googleapis.com/auth/googlehealth';
const ACTIVITY_SCOPE = `${SCOPE}.activity_and_fitness.readonly`;
const METRICS_SCOPE = `${SCOPE}.health_metrics_and_measurements.readonly`;

const HOUR_MS = 60 * 60_000;
/** UTC+14 is the largest offset in use. */
const WIDEST_OFFSET_MS = 14 * HOUR_MS;

const civilAt = (instantMs: number): string => new Date(instantMs).toISOString().slice(0, 19);

/**
 * `GET …/dataPoints:reconcile` is the merged stream that the app shows; `list` repeats a value per source.
 * All sources, because weight uploaded through Health Connect is missing from the wearables' family.
 * Tokens are followed and page lengths never judged: the server caps `pageSize` as it likes.
 */
async function reconcile(
  http: ProviderHttp,
  dataType: string,
  pageSize: number,
  filter: string,
  pageToken: string | null,
) {
  return http.getJson(`/v4/users/me/dataTypes/${dataType}/dataPoints:reconcile`, {
    dataSourceFamily: 'users/me/dataSourceFamilies/all-sources',
    filter,
    pageSize,
    ...(pageToken === null ? {} : { pageToken }),
  });
}

/** Cuts the records to the window. @throws AppError `provider_bad_data` when the server hands out the same token again */
function pageOf(
  records: RecordDraft[],
  answered: string | null | undefined,
  { from, to, pageToken }: PageRequest,
): Page {
  const next = answered || null;
  if (next !== null && next === pageToken) {
    throw new AppError('provider_bad_data', 'Google Health pages do not come to an end');
  }
  return { records: records.filter((draft) => draft.startsAt >= from && draft.startsAt < to), next };
}

const weight: ConnectorStream = {
  stream: 'weight',
  anyScope: [METRICS_SCOPE],
  windowDays: 400,
  overlapDays: 7,
  initialDays: 365,
  pageTokenTtlMs: HOUR_MS,
  async fetchPage(http, request) {
    const field = 'weight.sample_time.physical_time';
    const filter = `${field} >= "${request.from.toISOString()}" AND ${field} < "${request.to.toISOString()}"`;
    const answer = await reconcile(http, 'weight', 1000, filter, request.pageToken);
    const page = readWire(weightPage, answer, 'weights');
    return pageOf(page.dataPoints.map(toWeight), page.nextPageToken, request);
  },
};

/** Sessions can be filtered by civil start time only, so the window is widened by the largest offset and cut afterwards. */
const activity: ConnectorStream = {
  stream: 'activity',
  anyScope: [ACTIVITY_SCOPE],
  windowDays: 90,
  overlapDays: 7,
  initialDays: 90,
  pageTokenTtlMs: HOUR_MS,
  async fetchPage(http, request) {
    const field = 'exercise.interval.civil_start_time';
    const from = civilAt(request.from.getTime() - WIDEST_OFFSET_MS);
    const to = civilAt(request.to.getTime() + WIDEST_OFFSET_MS);
    // 25 is both the default and the most that `exercise` allows.
    const answer = await reconcile(
      http,
      'exercise',
      25,
      `${field} >= "${from}" AND ${field} < "${to}"`,
      request.pageToken,
    );
    const page = readWire(exercisePage, answer, 'exercises');
    return pageOf(page.dataPoints.map(toActivity), page.nextPageToken, request);
  },
};

const identity = z.object({ healthUserId: z.string().min(1) });

/** Google Health API v4, the successor of the Fitbit Web API. OAuth: developers.google.com/identity/protocols/oauth2/web-server. */
export const googleHealth = defineConnector({
  id: 'google_health',
  label: 'Google Health',
  docsUrl: 'https://developers.google.com/health/reference/rest',
  baseUrl: 'https://health.googleapis.com',
  auth: {
    authorizationUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    revocationUrl: 'https://oauth2.googleapis.com/revoke',
    issuer: 'https://accounts.google.com',
    pkce: true,
    // `identity` is answered to either of the two (its page lists them), so no profile scope is asked for.
    scopes: [ACTIVITY_SCOPE, METRICS_SCOPE],
    scopeSeparator: ' ',
    // Without both, a repeated consent brings no refresh token.
    authorizationParams: { access_type: 'offline', prompt: 'consent' },
    grantedScopeIn: 'token_response',
    revocation: { clientAuth: 'none' },
    isDeadGrant: isDeadGoogleGrant,
    isInvalidClient: isInvalidGoogleClient,
  },
  policy: {
    reExport: true,
    cacheTtlDays: null,
    note: 'Google API Services User Data Policy (Limited Use): transfer only with the user’s consent, which a partner’s grant is',
  },
  streams: [weight, activity],
  async accountId(http) {
    return readWire(identity, await http.getJson('/v4/users/me/identity'), 'identity').healthUserId;
  },
  classifyResponse: classifyGoogleHealthResponse,
});
