import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { PROBLEM_MEDIA_TYPE, problem } from './problem.schema';

const DESCRIPTION = `Connect a user's fitness trackers and nutrition apps once, read one unified health history, receive signed webhooks.

Every request but the public ones carries \`Authorization: Bearer dtk_…\`. A partner's key sees the users that granted it access; a user's key sees that user. Failures are problem documents (RFC 9457) with a stable \`code\`. Lists are pages: pass \`nextCursor\` as \`cursor\` to go on.`;

/**
 * The OpenAPI 3.1 document. The zod schemas are converted by zod itself as JSON Schema 2020-12, the dialect of 3.1:
 * the converter inside @nestjs/swagger asks for the 3.0 form and so writes `exclusiveMinimum: true`.
 */
export function buildOpenApi(app: NestFastifyApplication, publicUrl: string): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('DietTracker Integrations')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addServer(publicUrl)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'an API key, `dtk_…`' }, 'apiKey')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    standardSchemaConverter: convert,
    operationIdFactory: (_controller, method) => method,
  });
  return withProblems(document);
}

function convert(
  schema: unknown,
  { schemaType }: { schemaType: 'input' | 'output' },
): { schema: unknown; components?: Record<string, unknown> } | undefined {
  if (!(schema instanceof z.ZodType)) return undefined;
  const { $schema, $defs, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: schemaType });
  void $schema;
  return { schema: rest, components: withoutIds($defs ?? {}) };
}

const withoutIds = (definitions: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => {
      const { id, ...rest } = definition as { id?: unknown };
      void id;
      return [name, rest];
    }),
  );

/** Any operation may fail: one `default` answer for all of them. */
function withProblems(document: OpenAPIObject): OpenAPIObject {
  const converted = convert(problem, { schemaType: 'output' });
  document.components ??= {};
  document.components.schemas = { ...document.components.schemas, ...(converted?.components as object) };
  document.components.responses = {
    Problem: {
      description: 'The request failed; `code` says why.',
      content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  };
  for (const item of Object.values(document.paths)) {
    for (const operation of [item.get, item.post, item.patch, item.delete]) {
      if (operation) operation.responses['default'] = { $ref: '#/components/responses/Problem' };
    }
  }
  return document;
}
