import { z } from 'zod';
import { AppError } from '../../core/errors';
import { defineConnector, readWire, type ConnectorStream } from '../contract';
import { classifyStravaResponse, isDeadStravaGrant, isInvalidStravaClient } from './failures';
import { activityPage, toActivity } from './map';

const PAGE_SIZE = 200;
/** 1,000,000 activities in one window: a server that ignores `page` would otherwise be read for ever. */
const MAX_PAGES = 5_000;

/**
 * `GET /athlete/activities` (developers.strava.com/docs/reference, getLoggedInAthleteActivities).
 * `after` and `before` bound start_date in epoch seconds; both ends are widened to whole seconds and the records
 * cut to the window, because Strava does not say whether they are inclusive. The page number is the token; the end is
 * the empty array, never a short page. The order is not relied on.
 */
const activity: ConnectorStream = {
  stream: 'activity',
  anyScope: ['activity:read', 'activity:read_all'],
  windowDays: 90,
  overlapDays: 7,
  initialDays: 90,
  pageTokenTtlMs: 60 * 60_000,
  async fetchPage(http, { from, to, pageToken }) {
    const page = pageToken === null ? 1 : Number(pageToken);
    if (page > MAX_PAGES) throw new AppError('provider_bad_data', 'Strava pages do not come to an end');
    const answer = await http.getJson('/athlete/activities', {
      after: Math.floor(from.getTime() / 1000) - 1,
      before: Math.ceil(to.getTime() / 1000) + 1,
      page,
      per_page: PAGE_SIZE,
    });
    const activities = readWire(activityPage, answer, 'activities');
    return {
      records: activities.map(toActivity).filter((draft) => draft.startsAt >= from && draft.startsAt < to),
      next: activities.length === 0 ? null : String(page + 1),
    };
  },
};

const athlete = z.object({ id: z.union([z.int().positive(), z.string().regex(/^\d+$/)]) });

/** Strava API v3. OAuth: developers.strava.com/docs/authentication; no PKCE, no `scope` in the token answer. */
export const strava = defineConnector({
  id: 'strava',
  label: 'Strava',
  docsUrl: 'https://developers.strava.com/docs/reference/',
  baseUrl: 'https://www.strava.com/api/v3',
  auth: {
    authorizationUrl: 'https://www.strava.com/oauth/authorize',
    tokenUrl: 'https://www.strava.com/oauth/token',
    revocationUrl: 'https://www.strava.com/oauth/revoke',
    issuer: 'https://www.strava.com',
    pkce: false,
    scopes: ['read', 'activity:read_all', 'profile:read_all'],
    scopeSeparator: ',',
    authorizationParams: { approval_prompt: 'auto' },
    grantedScopeIn: 'redirect',
    revocation: { clientAuth: 'basic' },
    isDeadGrant: isDeadStravaGrant,
    isInvalidClient: isInvalidStravaClient,
  },
  policy: {
    reExport: false,
    cacheTtlDays: 7,
    note: 'Strava API Policy of 2026-06-01: shown only to the athlete who owns it, no storage beyond a 7-day cache (§5.5; communityhub.strava.com 13581)',
  },
  streams: [activity],
  async accountId(http, tokenResponse) {
    // The code exchange carries the athlete, a refresh does not.
    const inToken = athlete.safeParse(tokenResponse['athlete']);
    const { id } = inToken.success
      ? inToken.data
      : readWire(athlete, await http.getJson('/athlete'), 'athlete');
    return String(id);
  },
  classifyResponse: classifyStravaResponse,
});
