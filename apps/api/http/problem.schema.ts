import { z } from 'zod';
import { FAILURES, type FailureCode } from '../../../libs/core/errors';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

const codes = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

/** A problem document (RFC 9457). `code` is stable; `title` and `detail` are for people. */
export const problem = z
  .strictObject({
    type: z.string().describe('a URN that names the code'),
    title: z.string(),
    status: z.int(),
    code: z.enum(codes),
    detail: z.string(),
    instance: z.string().describe('the path of the request'),
    requestId: z.string().describe('quote it when you ask us; also in the header X-Request-Id'),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem' });

export type Problem = z.infer<typeof problem>;

/** The problem document of a failure. `url` loses its query, which may carry a one-time code. */
export function problemOf(
  failure: { code: FailureCode; message: string; details?: Record<string, unknown> | undefined },
  request: { url: string; id: string },
): Problem {
  const { status, title } = FAILURES[failure.code];
  return {
    type: `urn:diettracker:problem:${failure.code}`,
    title,
    status,
    code: failure.code,
    detail: failure.message,
    instance: request.url.split('?', 1)[0]!,
    requestId: request.id,
    ...(failure.details === undefined ? {} : { details: failure.details }),
  };
}
