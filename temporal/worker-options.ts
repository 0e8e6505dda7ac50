import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import type { Logger } from '../libs/telemetry/logger';
import { activityErrors } from './activity-errors';

/** From SIGTERM to the cancellation of running activities, and to giving up on them. */
const SHUTDOWN_GRACE_MS = 25_000;
const SHUTDOWN_FORCE_MS = 35_000;

/** Made by `npm run build`; found from the sources (tests) and from `dist/` alike. @throws Error when it is missing */
export function workflowBundlePath(): string {
  const places = [join(__dirname, '../workflow-bundle.js'), join(__dirname, '../dist/workflow-bundle.js')];
  const found = places.find((path) => existsSync(path));
  if (found === undefined) throw new Error('The workflow bundle is missing: run `npm run build`');
  return found;
}

export interface QueueWorkerInput {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  logger: Logger;
  activities: object;
  /** How many ordinary activities run at once; each may hold one page of records in memory. Default 20. */
  maxConcurrentActivities?: number;
  /** How long running activities go on undisturbed after shutdown began; 0 for those that drain by themselves. */
  shutdownGraceMs?: number;
}

const common = ({ logger, shutdownGraceMs, ...input }: QueueWorkerInput) =>
  ({
    connection: input.connection,
    namespace: input.namespace,
    taskQueue: input.taskQueue,
    activities: input.activities,
    identity: `${input.taskQueue}@${hostname()}#${process.pid}`,
    shutdownGraceTime: shutdownGraceMs ?? SHUTDOWN_GRACE_MS,
    shutdownForceTime: SHUTDOWN_FORCE_MS,
    // A webhook dispatcher must be missed within its three seconds; others beat more slowly anyway.
    maxHeartbeatThrottleInterval: '1s',
    // An activity started with the workflow task's answer would bypass the rate limit of its queue.
    maxEagerActivityReservationsPerWorkflowTask: 0,
    interceptors: {
      activity: [
        activityErrors((failure, activityType) => {
          logger.error('activity failed with an unknown error', {
            taskQueue: input.taskQueue,
            activityType,
            failure,
          });
        }),
      ],
    },
  }) satisfies WorkerOptions;

/** Options of a worker that runs workflows and their local activities, nothing else. */
export function workflowWorkerOptions(input: QueueWorkerInput): WorkerOptions {
  return {
    ...common(input),
    workflowBundle: { codePath: workflowBundlePath() },
    enableNonLocalActivities: false,
    maxConcurrentWorkflowTaskExecutions: 40,
    maxConcurrentLocalActivityExecutions: 40,
    maxCachedWorkflows: 500,
    workflowTaskPollerBehavior: { type: 'autoscaling', minimum: 2, maximum: 10, initial: 4 },
  };
}

/** Options of a worker that runs ordinary (also standalone) activities only. */
export function activityWorkerOptions(input: QueueWorkerInput): WorkerOptions {
  return {
    ...common(input),
    maxConcurrentActivityTaskExecutions: input.maxConcurrentActivities ?? 20,
    activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, maximum: 10, initial: 2 },
  };
}
