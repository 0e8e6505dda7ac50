import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { sandboxOptionsSchema } from '../../apps/sandbox/config';
import { configSchema } from '../../libs/config/config';
import { providerSettingsSchema } from '../../libs/config/provider-settings';
import { PROVIDERS } from '../../libs/core/providers';
import { projectRoot } from '../../scripts/project';
import { ENVCONFIG_VARIABLE } from '../../temporal/connection-options';

const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.object({ context: z.string(), dockerfile: z.string() }).optional(),
  restart: z.string(),
  profiles: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  command: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
});
const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  volumes: z.record(z.string(), z.unknown()),
});

const text = readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8');
const compose = composeSchema.parse(parse(text, { merge: true }));
const services = Object.entries(compose.services);
const service = (name: string) => {
  const found = compose.services[name];
  if (!found) throw new Error(`no service ${name}`);
  return found;
};

const ownSettings = new Set([
  ...Object.keys(configSchema.shape),
  ...PROVIDERS.flatMap((id) =>
    Object.keys(providerSettingsSchema.shape).map((name) => `PROVIDER_${id.toUpperCase()}_${name}`),
  ),
  ...Object.keys(sandboxOptionsSchema.shape).map(
    (name) => `SANDBOX_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
  ),
]);

test('has the production topology', () => {
  expect(Object.keys(compose.services).sort()).toEqual(
    [
      ...['postgres', 'temporal-schema', 'temporal', 'temporal-ui', 'migrate', 'bootstrap', 'api', 'worker'],
      ...['sandbox', 'prometheus', 'grafana', 'otel-collector'],
    ].sort(),
  );
  expect(services.filter(([, { profiles }]) => profiles.includes('demo')).map(([name]) => name)).toEqual([
    'sandbox',
  ]);
});

test('every dependency exists and can meet its condition', () => {
  for (const [name, { depends_on: dependencies }] of services) {
    for (const [target, { condition }] of Object.entries(dependencies)) {
      const other = service(target);
      if (condition === 'service_healthy') expect([name, target, other.healthcheck]).not.toContain(undefined);
      else expect([name, target, condition]).toEqual([name, target, 'service_completed_successfully']);
      if (condition === 'service_completed_successfully') expect(other.restart).toMatch(/^on-failure/);
    }
  }
  expect(Object.keys(service('api').depends_on).sort()).toEqual(['bootstrap', 'migrate']);
  expect(Object.keys(service('worker').depends_on).sort()).toEqual(['bootstrap', 'migrate']);
  expect(service('temporal').depends_on).toHaveProperty('temporal-schema');
});

test('our processes get only settings they know, and every required one', () => {
  const ours = services.filter(([, { build }]) => build !== undefined);
  expect(ours.map(([name]) => name)).toEqual(['migrate', 'bootstrap', 'api', 'worker', 'sandbox']);
  for (const [name, { environment }] of ours) {
    const unknown = Object.keys(environment).filter(
      (variable) => !ownSettings.has(variable) && !ENVCONFIG_VARIABLE.test(variable),
    );
    expect([name, unknown]).toEqual([name, []]);
  }
  const filled = Object.fromEntries(
    Object.entries(service('api').environment).map(([name, value]) => [name, fillIn(value)]),
  );
  expect(configSchema.safeParse({ ...filled, TEMPORAL_API_KEY: undefined }).error).toBeUndefined();
});

/** Replaces `${NAME:-default}` by the default and `${NAME:?…}` by a good value, as compose would. */
function fillIn(value: string): string {
  const given: Record<string, string> = {
    ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
    PUBLIC_URL: 'https://sync.example',
    POSTGRES_PASSWORD: 'word',
  };
  return value.replaceAll(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind: string, rest: string) =>
    kind === '-' ? rest : (given[name] ?? `missing ${name}`),
  );
}

test('secrets have no default and are asked for', () => {
  for (const secret of ['POSTGRES_PASSWORD', 'ENCRYPTION_KEYS', 'GRAFANA_PASSWORD', 'PUBLIC_URL']) {
    expect(text).toContain(`\${${secret}:?`);
    expect(text).not.toContain(`\${${secret}:-`);
  }
});

test('publishes on loopback only', () => {
  const ports = services.flatMap(([, service_]) => service_.ports);
  expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  expect(ports).toContain('127.0.0.1:3000:3000');
  const hostPorts = ports.map((port) => port.split(':')[1]);
  expect(new Set(hostPorts).size).toBe(hostPorts.length);
});

test('images are pinned to a version, and ours is glibc and of the pinned Node', () => {
  for (const [name, { image, build }] of services) {
    if (build) expect(existsSync(join(projectRoot, build.dockerfile))).toBe(true);
    else expect([name, image]).toEqual([name, expect.stringMatching(/:v?\d+\.\d+(\.\d+)?[\w.-]*$/)]);
  }
  const server = /^v?(\d+\.\d+\.\d+)$/.exec(readGoVersion('go.temporal.io/server'))?.[1];
  const ui = /^v?(\d+\.\d+\.\d+)$/.exec(readGoVersion('github.com/temporalio/ui-server/v2'))?.[1];
  expect(service('temporal').image).toBe(`temporalio/server:${server}`);
  expect(service('temporal-schema').image).toBe(`temporalio/admin-tools:${server}`);
  expect(service('temporal-ui').image).toBe(`temporalio/ui:${ui}`);
  const dockerfile = readFileSync(join(projectRoot, 'scripts/docker/Dockerfile'), 'utf8');
  const { devDependencies } = z
    .object({ devDependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')));
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base);
  expect(bases).toEqual(Array(2).fill(`node:${devDependencies['node']}-bookworm-slim`));
  expect(dockerfile).toMatch(/^USER node$/m);
});

/** The version a module of the native build has in temporal/server/go.mod. */
function readGoVersion(module: string): string {
  const goMod = readFileSync(join(projectRoot, 'temporal/server/go.mod'), 'utf8');
  return (
    goMod.split('\n').flatMap((line) => {
      const [name, version] = line.trim().split(' ');
      return name === module && version ? [version] : [];
    })[0] ?? 'none'
  );
}

test('mounted files and named volumes exist', () => {
  for (const [name, { volumes }] of services) {
    for (const volume of volumes) {
      const source = volume.split(':')[0] ?? '';
      const known = source.startsWith('./')
        ? existsSync(join(projectRoot, source))
        : source in compose.volumes;
      expect([name, source, known]).toEqual([name, source, true]);
    }
  }
});
