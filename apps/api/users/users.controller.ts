import { Body, Controller, Get, Inject, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import { SCOPES } from '../../../libs/core/scopes';
import type { Database } from '../../../libs/db/database';
import {
  createGrantedUser,
  grantedScopes,
  listUsers,
  type Principal,
} from '../../../libs/db/principals.repo';
import { Caller } from '../auth/caller.decorator';
import { requirePartner } from '../auth/require-grant';
import { documented } from '../http/answers';
import { idCursor, toPage } from '../http/cursor';
import { DATABASE } from '../injection-tokens';
import { createUserBody, listUsersQuery, user, userPage, userToWire } from './users.schema';

@ApiTags('users')
@ApiBearerAuth('apiKey')
@Controller('v1/users')
export class UsersController {
  constructor(@Inject(DATABASE) private readonly db: Database) {}

  @Post()
  @documented("Create a user of your own (partner's key)", {
    201: { description: 'Created, with a grant for your app.', schema: user },
  })
  async createUser(
    @Caller() principal: Principal,
    @Body({ schema: createUserBody }) body: z.output<typeof createUserBody>,
  ): Promise<z.infer<typeof user>> {
    requirePartner(principal);
    const { displayName, email = null, scopes } = body;
    const distinct = [...new Set(scopes)];
    const created = await createGrantedUser(this.db, principal.appId, {
      displayName,
      email,
      scopes: distinct,
    });
    return userToWire(created, distinct);
  }

  @Get()
  @documented('List the users that granted you access', {
    200: { description: 'Newest first.', schema: userPage },
  })
  async listUsers(
    @Caller() principal: Principal,
    @Query({ schema: listUsersQuery }) query: z.output<typeof listUsersQuery>,
  ): Promise<z.infer<typeof userPage>> {
    const rows = await listUsers(this.db, principal, {
      limit: query.limit,
      beforeId: idCursor('user', query.cursor),
    });
    const scopes = await grantedScopes(
      this.db,
      principal.appId,
      rows.map((r) => r.id),
    );
    return toPage(
      rows,
      query.limit,
      (row) => [row.id],
      (row) => userToWire(row, principal.userId === null ? (scopes.get(row.id) ?? []) : SCOPES),
    );
  }
}
