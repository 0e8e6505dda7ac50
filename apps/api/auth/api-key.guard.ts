import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../../libs/core/errors';
import type { Database } from '../../../libs/db/database';
import { findPrincipal, type Principal } from '../../../libs/db/principals.repo';
import { DATABASE } from '../injection-tokens';
import { PUBLIC_ROUTE } from './public.decorator';

export interface AuthenticatedRequest extends FastifyRequest {
  principal: Principal;
}

/** RFC 6750 §2.1; the scheme is case-insensitive (RFC 9110 §11.1). */
const BEARER = /^bearer +(dtk_[\w-]{43})$/i;

/** Puts the principal of the presented API key on the request. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(DATABASE) private readonly db: Database,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const isPublic = this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC_ROUTE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const header = request.headers.authorization;
    if (header === undefined)
      throw new AppError('unauthenticated', 'Send your API key as `Authorization: Bearer dtk_…`.');
    const key = BEARER.exec(header)?.[1];
    const principal = key === undefined ? null : await findPrincipal(this.db, key);
    if (principal === null)
      throw new AppError('unauthenticated', 'This API key is not known, or it was revoked.');
    request.principal = principal;
    return true;
  }
}
