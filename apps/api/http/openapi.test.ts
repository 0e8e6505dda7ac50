import type { OpenAPIObject } from '@nestjs/swagger';
import { loadConfig, newEncryptionKeys } from '../../../libs/config/config';
import { createApp } from '../create-app';
import { closeResources, openResources } from '../resources';

let document: OpenAPIObject;

/** Building the document connects to nothing, so no server is needed. */
beforeAll(async () => {
  const config = loadConfig({
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    ENCRYPTION_KEYS: newEncryptionKeys(),
    LOG_LEVEL: 'error',
  });
  const resources = openResources(config, {});
  const api = await createApp(resources);
  document = JSON.parse(JSON.stringify(api.document)) as OpenAPIObject;
  await api.app.close();
  await closeResources(resources);
});

/** Every object of the document with its path. */
function* objectsOf(value: unknown, path = '#'): Generator<[path: string, object: Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>];
  for (const [key, inner] of Object.entries(value)) yield* objectsOf(inner, `${path}/${key}`);
}

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method} ${path}`,
      operation: operation as object,
    })),
  );

it('is OpenAPI 3.1 with schemas in its own dialect: numeric exclusive bounds, no nullable', () => {
  expect(document.openapi).toBe('3.1.0');
  const wrong = [...objectsOf(document)].filter(
    ([, o]) =>
      typeof o['exclusiveMinimum'] === 'boolean' ||
      typeof o['exclusiveMaximum'] === 'boolean' ||
      o['nullable'] === true,
  );
  expect(wrong.map(([path]) => path)).toEqual([]);
  expect(document.components?.schemas?.['Weight']).toHaveProperty('properties.weightKg.exclusiveMinimum', 0);
});

it('refers only to what it defines', () => {
  const defined = new Set(
    Object.keys(document.components?.schemas ?? {}).map((n) => `#/components/schemas/${n}`),
  );
  defined.add('#/components/responses/Problem');
  const refs = [...objectsOf(document)].flatMap(([, o]) =>
    typeof o['$ref'] === 'string' ? [o['$ref']] : [],
  );
  expect(refs.length).toBeGreaterThan(20);
  expect(refs.filter((ref) => !defined.has(ref))).toEqual([]);
});

it('has no two paths that differ in the parameter name only (OpenAPI 3.1 §4.8.8.2)', () => {
  const shapes = Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, '{}'));
  expect(shapes).toHaveLength(new Set(shapes).size);
});

it('gives every operation its own id and a problem as default answer', () => {
  const all = operations();
  const ids = all.map(({ operation }) => (operation as { operationId: string }).operationId);
  expect(new Set(ids).size).toBe(all.length);
  const without = all.filter(
    ({ operation }) => !('default' in (operation as { responses: object }).responses),
  );
  expect(without.map(({ name }) => name)).toEqual([]);
});

it('asks for a key everywhere but on the public routes', () => {
  const open = operations().filter(({ operation }) => !('security' in operation));
  expect(open.map(({ name }) => name).sort()).toEqual([
    'get /health',
    'get /metrics',
    'get /ready',
    'get /v1/integrations/{provider}/callback',
  ]);
});
