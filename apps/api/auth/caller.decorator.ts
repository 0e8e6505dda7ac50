import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Principal } from '../../../libs/db/principals.repo';
import type { AuthenticatedRequest } from './api-key.guard';

/** The principal of the request's API key. */
export const Caller = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Principal =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().principal,
);
