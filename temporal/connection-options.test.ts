import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporalTarget } from './connection-options';

const CONFIG = { TEMPORAL_ADDRESS: '127.0.0.1:7233', TEMPORAL_NAMESPACE: 'diettracker' };

test('takes a plain address from our settings and reads no profile file by itself', () => {
  const file = profileFile();
  expect(temporalTarget(CONFIG, { HOME: file.folder, XDG_CONFIG_HOME: file.folder })).toEqual({
    connectionOptions: { address: '127.0.0.1:7233' },
    namespace: 'diettracker',
  });
});

test('an API key means TLS', () => {
  const target = temporalTarget(CONFIG, {
    TEMPORAL_ADDRESS: 'eu.api.temporal.io:7233',
    TEMPORAL_NAMESPACE: 'prod.abc',
    TEMPORAL_API_KEY: 'word',
  });
  expect(target).toMatchObject({
    connectionOptions: { address: 'eu.api.temporal.io:7233', apiKey: 'word', tls: true },
    namespace: 'prod.abc',
  });
});

test('an empty variable counts as unset', () => {
  expect(temporalTarget(CONFIG, { TEMPORAL_API_KEY: '' }).connectionOptions).toEqual({
    address: '127.0.0.1:7233',
  });
});

test('a named profile is read from its file', () => {
  const { path } = profileFile();
  const target = temporalTarget(CONFIG, { TEMPORAL_PROFILE: 'staging', TEMPORAL_CONFIG_FILE: path });
  expect(target).toMatchObject({
    connectionOptions: { address: 'staging.example:7233' },
    namespace: 'stage',
  });
  expect(() => temporalTarget(CONFIG, { TEMPORAL_PROFILE: 'absent', TEMPORAL_CONFIG_FILE: path })).toThrow(
    /absent/,
  );
});

function profileFile(): { folder: string; path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'dt-profile-'));
  const path = join(folder, 'temporal.toml');
  writeFileSync(
    path,
    '[profile.default]\naddress = "elsewhere:1"\n[profile.staging]\naddress = "staging.example:7233"\nnamespace = "stage"\n',
  );
  return { folder, path };
}
