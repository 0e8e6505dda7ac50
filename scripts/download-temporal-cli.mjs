// Downloads the Temporal CLI with the SDK's own downloader into the folder of the first argument, version of the
// second, then ends. Its own process, because the downloader (native code, `Runtime.createEphemeralServer`, what
// @temporalio/testing calls) has no time limit: the caller ends it. Started by temporal-download.ts.
import { Runtime } from '@temporalio/worker';

const [downloadDir, version] = process.argv.slice(2);
const runtime = Runtime.install({ shutdownSignals: [] });
const server = await runtime.createEphemeralServer({
  type: 'dev-server',
  exe: {
    type: 'cached-download',
    downloadDir,
    version,
    ttl: 365 * 86_400_000,
    sdkName: 'sdk-typescript',
    sdkVersion: '1.24.0',
  },
  namespace: 'default',
  ip: '127.0.0.1',
  port: null,
  uiPort: null,
  dbFilename: null,
  ui: false,
  log: { format: 'json', level: 'error' },
  extraArgs: [],
});
await runtime.shutdownEphemeralServer(server);
