import type { FastifyInstance } from 'fastify';
import type { SandboxContext } from '../context';
import { offsetSecondsAt } from '../local-time';
import { enter } from './caller';

/** Identity, profile and settings of the signed-in user, after sheet §3. */
export function googleProfileRoutes(app: FastifyInstance, context: SandboxContext): void {
  const base = '/google-health/v4/users/me';

  app.get(`${base}/identity`, async (request) => {
    const { account } = enter(context, request, null);
    return {
      name: `users/${account.id}/identity`,
      legacyUserId: `9F${Number(account.id).toString(36).toUpperCase()}`,
      healthUserId: account.id,
    };
  });

  app.get(`${base}/profile`, async (request) => {
    const { account } = enter(context, request, 'profile');
    return {
      name: `users/${account.id}/profile`,
      age: 30 + (Number(account.id) % 30),
      membershipStartDate: { year: 2019, month: 1, day: 1 },
      userConfiguredWalkingStrideLengthMm: 700,
    };
  });

  app.get(`${base}/settings`, async (request) => {
    const { account } = enter(context, request, 'settings');
    return {
      name: `users/${account.id}/settings`,
      timeZone: account.zone,
      utcOffset: `${offsetSecondsAt(account.zone, context.now())}s`,
      distanceUnit: 'KILOMETERS',
      weightUnit: 'KILOGRAMS',
      languageLocale: 'en_US',
    };
  });
}
