import { defineSearchAttributeKey, type SearchAttributePair } from '@temporalio/common';
import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { FailureCode } from '../libs/core/errors';
import type { ProviderId, StreamName } from '../libs/core/providers';
import { SEARCH_ATTRIBUTES, type SearchAttributeName } from '../libs/core/search-attributes';

/** Task queues. `core` runs workflows and their local activities; the others run activities only. */
export const CORE_QUEUE = 'core';
export const OPS_QUEUE = 'ops';
export const WEBHOOKS_QUEUE = 'webhooks';
/** One queue per provider, so that a slow provider starves nobody else. */
export const providerQueue = (provider: ProviderId): string => `provider-${provider}`;

/** Workflow and activity ids are built here and nowhere else. */
export const syncWorkflowId = (integrationId: string): string => `sync:${integrationId}`;
export const disconnectWorkflowId = (integrationId: string): string => `disconnect:${integrationId}`;
export const syncDispatchScheduleId = (shard: number): string => `dispatch-syncs-${shard}`;
export const syncDispatchWorkflowId = (shard: number): string => `dispatch-syncs:${shard}`;
export const webhookDispatchWorkflowId = (shard: number): string => `dispatch-webhooks:${shard}`;
export const MAINTAIN_WEBHOOKS_ID = 'maintain-webhooks';
export const deliveryActivityId = (deliveryId: string): string => `deliver:${deliveryId}`;
export const replayWorkflowId = (replayId: string): string => `replay:${replayId}`;

/** The type of the standalone activities that retry failing deliveries. */
export const DELIVERY_ACTIVITY = 'deliverWebhook';

/** Workflow types, as the client starts them by name. */
export const WORKFLOWS = {
  syncIntegration: 'syncIntegration',
  disconnectIntegration: 'disconnectIntegration',
  dispatchSyncs: 'dispatchSyncs',
  dispatchWebhooks: 'dispatchWebhooks',
  maintainWebhooks: 'maintainWebhooks',
  replayEndpoint: 'replayEndpoint',
} as const;

export type SyncTrigger = 'schedule' | 'user' | 'connect' | 'inbound';

export const SYNC_OUTCOMES = [
  'ok',
  'unchanged',
  'partial',
  'failed',
  'deferred',
  'skipped',
  'cancelled',
] as const;
export type SyncOutcome = (typeof SYNC_OUTCOMES)[number];

/** Somebody asked for this integration now: a running run makes another round and stops waiting for quota. */
export const expeditedSignal = defineSignal('expedited');

export interface SyncInput {
  integrationId: string;
  userId: string;
  provider: ProviderId;
  trigger: SyncTrigger;
  /** Rounds of earlier executions of the same run, when it was continued as new. */
  roundsBefore?: number;
}

/** One search attribute of the project as Temporal's typed pair. */
export const searchAttribute = (name: SearchAttributeName, value: string): SearchAttributePair => ({
  key: defineSearchAttributeKey(name, SEARCH_ATTRIBUTES[name]),
  value,
});

/**
 * Start options of a sync: the same id for every caller, so there is at most one run per integration.
 * Callers use `signalWithStart` with `expeditedSignal` (somebody asked) or `start` (the cadence).
 */
export const syncStartOptions = (input: SyncInput) => ({
  taskQueue: CORE_QUEUE,
  workflowId: syncWorkflowId(input.integrationId),
  args: [input] as [SyncInput],
  priority: { priorityKey: input.trigger === 'schedule' ? 4 : 1, fairnessKey: input.provider },
  staticSummary: `${input.provider} sync (${input.trigger})`,
  typedSearchAttributes: [
    searchAttribute('Provider', input.provider),
    searchAttribute('IntegrationId', input.integrationId),
    searchAttribute('UserId', input.userId),
    searchAttribute('SyncTrigger', input.trigger),
  ],
});

/** Start options of a disconnect; asking twice joins the running one. */
export const disconnectStartOptions = (input: DisconnectInput) => ({
  taskQueue: CORE_QUEUE,
  workflowId: disconnectWorkflowId(input.integrationId),
  workflowIdConflictPolicy: 'USE_EXISTING' as const,
  args: [input] as [DisconnectInput],
  priority: { priorityKey: 1, fairnessKey: input.provider },
  staticSummary: `${input.provider} disconnect`,
  typedSearchAttributes: [
    searchAttribute('Provider', input.provider),
    searchAttribute('IntegrationId', input.integrationId),
    searchAttribute('UserId', input.userId),
  ],
});

export interface StreamProgress {
  stream: StreamName;
  pages: number;
  inserted: number;
  updated: number;
  unchanged: number;
  errorCode: FailureCode | null;
  /** When the provider's limit lets us go on, if the stream is waiting for it. */
  deferredUntil: string | null;
}

export interface SyncProgress {
  runId: string;
  round: number;
  phase: 'planning' | 'streaming' | 'waiting' | 'finishing' | 'done';
  streams: StreamProgress[];
}

export interface SyncResult {
  runId: string;
  outcome: SyncOutcome;
  rounds: number;
}

export const progressQuery = defineQuery<SyncProgress>('progress');

export interface PlanInput {
  integrationId: string;
  runId: string;
  round: number;
  trigger: SyncTrigger;
  /** True when this round only goes on with windows the run has not reached yet, and nobody asked anew. */
  continuation: boolean;
}

/** `skip` when the integration is in a state that must not be synced (disconnected, paused, needs_reauth). */
export type Plan =
  { kind: 'skip'; reason: string } | { kind: 'sync'; generation: number; streams: StreamName[] };

export interface SyncStreamInput {
  integrationId: string;
  runId: string;
  stream: StreamName;
  generation: number;
}

/**
 * `more`: the activity's time slice is over, the window is not.
 * `waitMs`: the provider's limit asks for a wait longer than an activity retry should bridge.
 * Counts are those of the run so far, read from its row, so a retried attempt counts nothing twice.
 */
export interface SyncStreamResult {
  more: boolean;
  waitMs: number | null;
  pages: number;
  inserted: number;
  updated: number;
  unchanged: number;
}

export interface StreamOutcome {
  stream: StreamName;
  errorCode: FailureCode | null;
  deferredUntil: string | null;
}

export interface FinishInput {
  integrationId: string;
  runId: string;
  round: number;
  streams: StreamOutcome[];
  cancelled: boolean;
}

export interface FinishResult {
  /** More windows are due (history not yet covered): plan another round. */
  more: boolean;
  outcome: SyncOutcome;
}

/** Local activities of `syncIntegration`: short, idempotent on (run, round). */
export interface SyncBookkeeping {
  planSync(input: PlanInput): Promise<Plan>;
  finishSync(input: FinishInput): Promise<FinishResult>;
}

/** Ordinary activities on a provider's queue. */
export interface ProviderActivities {
  syncStream(input: SyncStreamInput): Promise<SyncStreamResult>;
  revokeAccess(input: { integrationId: string }): Promise<{ revoked: boolean }>;
}

export interface DisconnectInput {
  integrationId: string;
  userId: string;
  provider: ProviderId;
}

/** On the ops queue. */
export interface LifecycleActivities {
  stopSync(input: { integrationId: string }): Promise<void>;
  closeIntegration(input: { integrationId: string }): Promise<void>;
}

export interface SyncDispatchInput {
  shard: number;
  shards: number;
}

export interface SyncDispatchResult {
  claimed: number;
  started: number;
  alreadyRunning: number;
}

export interface SyncDispatchActivities {
  dispatchDueSyncs(input: SyncDispatchInput): Promise<SyncDispatchResult>;
}

/** A dispatcher takes every endpoint with `endpoints.shard % shards = shard`. */
export interface WebhookDispatchInput {
  shard: number;
  shards: number;
}

/** On the webhooks queue. `deliverWebhook` runs as a standalone activity, one per failing delivery. */
export interface WebhookActivities {
  dispatchWebhooks(input: WebhookDispatchInput): Promise<{ attempted: number }>;
  deliverWebhook(input: { deliveryId: string }): Promise<{ status: 'delivered' | 'cancelled' }>;
}

/** What a maintenance did; days are UTC, `YYYY-MM-DD`. */
export interface WebhookMaintenance {
  made: string[];
  movedRows: number;
  dropped: string[];
  /** Old days that stay because a delivery of theirs is open. */
  keptOpen: string[];
}

/** On the ops queue. */
export interface WebhookMaintenanceActivities {
  maintainWebhookPartitions(): Promise<WebhookMaintenance>;
}

export interface ReplayInput {
  replayId: string;
  endpointId: string;
}

/** Start options of a replay; starting it again joins the running one. */
export const replayStartOptions = (input: ReplayInput) => ({
  taskQueue: CORE_QUEUE,
  workflowId: replayWorkflowId(input.replayId),
  workflowIdConflictPolicy: 'USE_EXISTING' as const,
  args: [input] as [ReplayInput],
  priority: { priorityKey: 3, fairnessKey: input.endpointId },
  staticSummary: `replay to ${input.endpointId}`,
  typedSearchAttributes: [searchAttribute('EndpointId', input.endpointId)],
});

/** Counts of the replay so far, not of one batch. */
export interface ReplayBatch {
  /** `running`: there is more. */
  status: 'running' | 'completed' | 'cancelled' | 'failed';
  scanned: number;
  queued: number;
  /** The time of the last event that was looked at, ISO 8601; null before the first. */
  cursorAt: string | null;
  /** Wait so long before the next batch: enough deliveries are pending, or the endpoint is paused. */
  waitMs: number;
}

export const replayProgressQuery = defineQuery<ReplayBatch>('replayProgress');

/** On the ops queue. Both may be repeated: the replay's row says where it goes on. */
export interface ReplayActivities {
  queueReplayBatch(input: { replayId: string }): Promise<ReplayBatch>;
  cancelReplay(input: { replayId: string }): Promise<void>;
}
