import { ProviderRefusal } from '../provider-refusal';

/** Strava's error body (`Fault` of strava_swagger.json). */
export const faultBody = (message: string, resource?: string, field?: string, code?: string): unknown => ({
  message,
  errors: resource === undefined ? [] : [{ resource, field, code }],
});

export const badRequest = (resource: string, field: string, code: string): ProviderRefusal =>
  new ProviderRefusal(400, faultBody('Bad Request', resource, field, code));

export const invalidClient = (field: 'client_id' | 'client_secret'): ProviderRefusal =>
  new ProviderRefusal(401, faultBody('Authorization Error', 'Application', field, 'invalid'));

export const invalidAccessToken = (): ProviderRefusal =>
  new ProviderRefusal(401, faultBody('Authorization Error', 'Athlete', 'access_token', 'invalid'));

export const missingScope = (field: string): ProviderRefusal =>
  new ProviderRefusal(401, faultBody('Authorization Error', 'AccessToken', field, 'missing'));

export const recordNotFound = (resource: string): ProviderRefusal =>
  new ProviderRefusal(404, faultBody('Record Not Found', resource, 'id', 'invalid'));

export const rateLimitExceeded = (
  field: 'overall rate limit' | 'read rate limit',
  headers: Readonly<Record<string, string>>,
): ProviderRefusal =>
  new ProviderRefusal(429, faultBody('Rate Limit Exceeded', 'Application', field, 'exceeded'), headers);
