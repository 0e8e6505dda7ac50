import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/**
 * Bundles all workflows into the one file the workers load. Written beside its place and renamed, so a worker that
 * starts meanwhile never reads half of it.
 * @param workflowsPath the module that exports every workflow, `workflows/index`
 * @throws Error when workflow code imports something that must not run in a workflow
 */
export async function writeWorkflowBundle(workflowsPath: string, outFile: string): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  await mkdir(dirname(outFile), { recursive: true });
  const partial = `${outFile}.${process.pid}.partial`;
  await writeFile(partial, code);
  await rename(partial, outFile);
}
