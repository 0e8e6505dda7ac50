import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiModule } from './api.module';
import { parseBodies } from './http/body-parser';
import { nestLogger } from './http/nest-logger';
import { buildOpenApi } from './http/openapi';
import { ProblemFilter } from './http/problem.filter';
import { observeRequests } from './http/request-metrics';
import { addSecurityHeaders, securityHeaders } from './http/security-headers';
import { validationPipe } from './http/validation';
import type { Resources } from './resources';

const BODY_LIMIT_BYTES = 256 * 1024;
/** Above the longest answer, a sync that is waited for. */
const REQUEST_TIMEOUT_MS = 75_000;

export interface Api {
  app: NestFastifyApplication;
  document: OpenAPIObject;
}

/** Builds the HTTP API on its resources, ready for `listen` or `inject`. Connects to nothing. */
export async function createApp(resources: Resources): Promise<Api> {
  const { config, logger, metrics } = resources;
  const https = config.PUBLIC_URL.startsWith('https://');
  const filter = new ProblemFilter(logger);
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId: () => randomUUID(),
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
      filter.answer(error, request, reply.headers(securityHeaders(request, https))),
  });
  const fastify = adapter.getInstance();
  addSecurityHeaders(fastify, https);
  observeRequests(fastify, metrics, logger);
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.with(resources), adapter, {
    bodyParser: false,
    logger: nestLogger(logger),
    abortOnError: false,
  });
  parseBodies(adapter);
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(filter);
  const document = buildOpenApi(app, config.PUBLIC_URL);
  SwaggerModule.setup('docs', app, document, { jsonDocumentUrl: 'openapi.json', raw: ['json'] });
  await app.init();
  await fastify.ready();
  return { app, document };
}
