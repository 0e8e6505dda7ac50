import { z } from 'zod';
import type { SandboxContext } from '../context';
import { isoSeconds, offsetSecondsAt } from '../local-time';
import type { StravaAccount } from '../store';
import type { StravaActivity } from '../strava/activity';
import { announceActivity, updatesBetween } from '../strava/events';
import { createdActivityId } from '../strava/generate-activities';
import { givenFields } from './given-fields';
import type { RecordEditor } from './record-editor';

/** Strava's own field names; all are optional. */
const bodySchema = z.strictObject({
  name: z.string().min(1).optional(),
  sport_type: z.string().min(1).optional(),
  start_date: z.iso.datetime({ offset: true }).optional(),
  distance: z.number().min(0).optional(),
  moving_time: z.number().int().min(0).optional(),
  elapsed_time: z.number().int().min(0).optional(),
  total_elevation_gain: z.number().min(0).optional(),
  average_heartrate: z.number().positive().nullable().optional(),
  calories: z.number().min(0).optional(),
  description: z.string().optional(),
  private: z.boolean().optional(),
  manual: z.boolean().optional(),
  device_name: z.string().nullable().optional(),
  external_id: z.string().nullable().optional(),
});

type Body = z.output<typeof bodySchema>;

/** What `truth` tells of an activity. */
const truthOf = (a: StravaActivity, deleted: boolean): Record<string, unknown> => ({
  sourceId: a.id,
  deleted,
  startAt: isoSeconds(a.timeMs),
  offsetS: a.offsetS,
  name: a.name,
  sportType: a.sportType,
  distanceM: a.distanceM,
  movingTimeS: a.movingTimeS,
  elapsedTimeS: a.elapsedTimeS,
  energyKcal: a.energyKcal,
  averageHeartRateBpm: a.averageHeartRateBpm,
  isPrivate: a.isPrivate,
});

function merged(account: StravaAccount, old: StravaActivity, body: Body): StravaActivity {
  const timeMs = body.start_date === undefined ? old.timeMs : secondsOf(body.start_date);
  const movingTimeS = body.moving_time ?? old.movingTimeS;
  return {
    ...withoutJson(old),
    ...givenFields<StravaActivity>({
      name: body.name,
      sportType: body.sport_type,
      distanceM: body.distance,
      movingTimeS,
      elevationGainM: body.total_elevation_gain,
      averageHeartRateBpm: body.average_heartrate,
      energyKcal: body.calories,
      description: body.description,
      isPrivate: body.private,
      isManual: body.manual,
      device: body.device_name,
      externalId: body.external_id,
    }),
    timeMs,
    offsetS: offsetSecondsAt(account.zone, timeMs),
    elapsedTimeS: Math.max(body.elapsed_time ?? old.elapsedTimeS, movingTimeS),
  };
}

const secondsOf = (text: string): number => Math.floor(Date.parse(text) / 1000) * 1000;

function withoutJson({ summaryJson: _rendered, ...activity }: StravaActivity): StravaActivity {
  return activity;
}

/** Edits an athlete's activities the way the athlete would, with Strava's events. */
export function stravaActivityEditor(
  context: SandboxContext,
  account: StravaAccount,
): RecordEditor<StravaActivity, Body> {
  return {
    bodySchema,
    stream: account.activities,
    truthOf,
    make(serial, body) {
      const id = createdActivityId(serial);
      const blank: StravaActivity = {
        id,
        timeMs: Math.floor(context.now() / 1000) * 1000 - 3_600_000,
        name: 'Sandbox Run',
        sportType: 'Run',
        distanceM: 5012,
        movingTimeS: 1830,
        elapsedTimeS: 1900,
        elevationGainM: 31,
        averageHeartRateBpm: 148.3,
        energyKcal: 312.4,
        description: '',
        isPrivate: false,
        isManual: false,
        device: 'Garmin Forerunner 255',
        externalId: `garmin_ping_${id}`,
        zone: account.zone,
        offsetS: 0,
        athleteId: account.id,
      };
      return merged(account, blank, body);
    },
    change: (old, body) => merged(account, old, body),
    announceCreated: (made) => announceActivity(context, account, made, 'create'),
    announceChanged(before, after) {
      const updates = updatesBetween(before, after);
      if (Object.keys(updates).length > 0) announceActivity(context, account, after, 'update', updates);
    },
    announceDeleted: (gone) => announceActivity(context, account, gone, 'delete'),
  };
}
