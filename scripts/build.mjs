// `npm run build`: type check and compile everything to dist/ (incremental), then bundle the workflows.
// Ends with 1 on any error.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const bundle = join(dist, 'workflow-bundle.js');
const bundleHash = join(dist, 'workflow-bundle.sha256');
const require = createRequire(import.meta.url);

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** tsc emits nothing for a file it believes unchanged, so a dist/ that was partly deleted starts over. */
function compile() {
  const state = join(dist, '.tsbuildinfo');
  if (!existsSync(join(dist, 'scripts/stack.js'))) rmSync(state, { force: true });
  execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
}

/** Compiled files whose source is gone would be found by globs and by jest's haste map. */
function removeOrphans() {
  for (const area of ['apps', 'workflows', 'activities', 'libs', 'temporal', 'scripts', 'test', 'bench']) {
    if (!existsSync(join(dist, area))) continue;
    for (const file of filesUnder(join(dist, area))) {
      const source = relative(dist, file).replace(/\.js(\.map)?$/, '.ts');
      if (/\.js(\.map)?$/.test(file) && !existsSync(join(root, source))) rmSync(file);
    }
  }
}

function bundleKey() {
  const hash = createHash('sha256');
  const sources = ['workflows', 'libs/core']
    .flatMap((folder) => filesUnder(join(root, folder)))
    .filter((file) => !file.endsWith('.test.ts'));
  for (const file of [...sources, join(root, 'package-lock.json'), join(root, 'temporal/workflow-bundle.ts')])
    hash.update(relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

async function bundleWorkflows() {
  const key = bundleKey();
  const done = existsSync(bundle) && existsSync(bundleHash) && readFileSync(bundleHash, 'utf8') === key;
  if (done) return;
  const { writeWorkflowBundle } = require(join(dist, 'temporal/workflow-bundle.js'));
  await writeWorkflowBundle(join(dist, 'workflows/index.js'), bundle);
  writeFileSync(bundleHash, key);
}

try {
  compile();
  removeOrphans();
  cpSync(join(root, 'libs/db/migrations'), join(dist, 'libs/db/migrations'), { recursive: true });
  await bundleWorkflows();
} catch (error) {
  // tsc has already said what is wrong.
  if (error?.status === undefined) process.stderr.write(`${error?.stack ?? error}\n`);
  process.exit(1);
}
