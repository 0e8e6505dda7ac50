import type { StravaAccount } from '../store';

/** A DetailedAthlete; `weight` (kg) stands there only with the scope `profile:read_all`. */
export function athleteOf(account: StravaAccount, withWeight: boolean): Record<string, unknown> {
  return {
    id: Number(account.id),
    username: null,
    resource_state: withWeight ? 3 : 2,
    firstname: account.name,
    lastname: 'Sandbox',
    bio: null,
    city: null,
    state: null,
    country: null,
    sex: 'F',
    premium: false,
    summit: false,
    created_at: '2019-01-01T00:00:00Z',
    updated_at: '2026-11-20T06:00:00Z',
    badge_type_id: 0,
    measurement_preference: 'meters',
    ...(withWeight ? { weight: 60 + (Number(account.id) % 300) / 10 } : {}),
    profile: 'avatar/athlete/large.png',
    friend: null,
    follower: null,
  };
}
