import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { workflowBundlePath } from '../../temporal/worker-options';

const FOLDER = join(__dirname, 'histories');
const histories = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

const read = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
const replay = (history: unknown) =>
  Worker.runReplayHistory({ workflowBundle: { codePath: workflowBundlePath() } }, history);

test('every workflow type has a recorded history', () => {
  const types = new Set(histories.map((name) => name.split('.')[0]));
  expect(types).toEqual(
    new Set([
      'disconnectIntegration',
      'dispatchSyncs',
      'maintainWebhooks',
      'replayEndpoint',
      'syncIntegration',
    ]),
  );
});

test.each(histories)('%s replays with the code as it is now', async (name) => {
  await replay(read(name));
});

test('a history that does not fit the code is refused', async () => {
  const [name] = histories.filter((h) => h.startsWith('disconnectIntegration'));
  const text = JSON.stringify(read(name!)).replaceAll('"closeIntegration"', '"openIntegration"');
  await expect(replay(JSON.parse(text))).rejects.toThrow(/TMPRL1100|[Nn]ondeterminism/);
});
