import type { Client } from '@temporalio/client';
import { WorkflowNotFoundError } from '@temporalio/common';
import type { Database } from '../libs/db/database';
import { endReplay, readStillReplays, type Replay } from '../libs/db/replays.repo';
import { replayStartOptions, replayWorkflowId, WORKFLOWS } from '../workflows/contract';

/**
 * Looks after running replays that did not move for `stillMs`: starts the workflow of those that have none (Temporal was away when they were
 * asked for), ends those whose workflow somebody cancelled or terminated. One that only waits goes on.
 */
export async function restoreReplays(db: Database, client: Client, stillMs: number): Promise<void> {
  for (const replay of await readStillReplays(db, stillMs)) {
    const status = await workflowStatus(client, replay);
    if (status === 'CANCELLED' || status === 'TERMINATED')
      await endReplay(db, replay.id, 'cancelled', 'temporal:unknown');
    else if (status !== 'RUNNING')
      await client.workflow.start(
        WORKFLOWS.replayEndpoint,
        replayStartOptions({ replayId: replay.id, endpointId: replay.endpointId }),
      );
  }
}

async function workflowStatus(client: Client, replay: Replay): Promise<string | null> {
  try {
    return (await client.workflow.getHandle(replayWorkflowId(replay.id)).describe()).status.name;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}
