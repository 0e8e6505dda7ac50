import { ProviderRefusal } from '../provider-refusal';

/** Google's error envelope with an optional google.rpc.ErrorInfo. */
export function googleError(code: number, status: string, message: string, reason?: string): unknown {
  const details =
    reason === undefined
      ? {}
      : {
          details: [
            { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'health.googleapis.com' },
          ],
        };
  return { error: { code, message, status, ...details } };
}

const refusal = (code: number, status: string, message: string, reason?: string): ProviderRefusal =>
  new ProviderRefusal(code, googleError(code, status, message, reason));

export const invalidArgument = (message: string, reason?: string): ProviderRefusal =>
  refusal(400, 'INVALID_ARGUMENT', message, reason);

export const invalidFilter = (message: string): ProviderRefusal =>
  invalidArgument(message, 'INVALID_DATA_POINT_FILTER');

export const failedPrecondition = (message: string, reason?: string): ProviderRefusal =>
  refusal(400, 'FAILED_PRECONDITION', message, reason);

export const unauthenticated = (): ProviderRefusal =>
  refusal(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
  );

export const insufficientScope = (): ProviderRefusal =>
  refusal(
    403,
    'PERMISSION_DENIED',
    'Request had insufficient authentication scopes.',
    'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
  );

export const permissionDenied = (): ProviderRefusal =>
  refusal(403, 'PERMISSION_DENIED', 'The caller does not have permission');

export const notFound = (): ProviderRefusal => refusal(404, 'NOT_FOUND', 'Requested entity was not found.');

export const alreadyExists = (): ProviderRefusal =>
  refusal(409, 'ALREADY_EXISTS', 'Requested entity already exists');

export const quotaExceeded = (): ProviderRefusal =>
  refusal(
    429,
    'RESOURCE_EXHAUSTED',
    "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute per user' of service 'health.googleapis.com'.",
    'RATE_LIMIT_EXCEEDED',
  );

/** An OAuth error answer, RFC 6749 §5.2. */
export const oauthError = (status: number, error: string, description: string): ProviderRefusal =>
  new ProviderRefusal(status, { error, error_description: description });
