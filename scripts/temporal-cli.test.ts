import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cliVersionOf, findCli, isAtLeast } from './temporal-cli';

test.each([
  ['temporal version 1.9.1 (Server 1.32.0, UI 2.55.0)', '1.9.1'],
  ['temporal version v1.10.0', '1.10.0'],
  ['something else', null],
])('reads the version of %s', (output, version) => {
  expect(cliVersionOf(output)).toBe(version);
});

test.each([
  ['1.9.1', true],
  ['1.10.0', true],
  ['2.0.0', true],
  ['1.9.0', false],
  ['1.8.2', false],
  ['0.13.2', false],
])('%s is new enough: %s', (version, expected) => {
  expect(isAtLeast(version, '1.9.1')).toBe(expected);
});

test('a CLI that was named but is too old or absent is an error that says what is needed', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'dt-cli-')), 'temporal');
  expect(() => findCli({ TEMPORAL_CLI_PATH: path })).toThrow(/does not run: 1\.9\.1 or later/);
  writeFileSync(path, '#!/bin/sh\necho "temporal version 1.8.2 (Server 1.31.0, UI 2.40.0)"\n');
  chmodSync(path, 0o755);
  expect(() => findCli({ TEMPORAL_CLI_PATH: path })).toThrow(/is version 1\.8\.2: 1\.9\.1 or later/);
});
