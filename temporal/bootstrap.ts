import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time';
import { temporal } from '@temporalio/proto';
import { SEARCH_ATTRIBUTES } from '../libs/core/search-attributes';

const GRPC_NOT_FOUND = 5;
const GRPC_ALREADY_EXISTS = 6;

/** Histories stay readable for 30 days after a run ended. */
const RETENTION_S = 2_592_000;

const { IndexedValueType } = temporal.api.enums.v1;

const INDEXED_VALUE_TYPE = { KEYWORD: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD } as const satisfies Record<
  (typeof SEARCH_ATTRIBUTES)[keyof typeof SEARCH_ATTRIBUTES],
  temporal.api.enums.v1.IndexedValueType
>;

/**
 * Makes the namespace and the project's search attributes where they are missing and returns once both can be used:
 * a new namespace takes the server's caches a few seconds to see. What exists is left as the operator set it.
 * Temporal Cloud makes namespaces and attributes outside this API; there both must exist already.
 * @throws the last error of the server when it is not usable after `timeoutMs`
 */
export async function bootstrapTemporal(
  connection: Connection,
  namespace: string,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  await untilItWorks(deadline, () => ensureNamespace(connection, namespace));
  await untilItWorks(deadline, () => ensureSearchAttributes(connection, namespace));
  await untilItWorks(deadline, () => useSearchAttributes(connection, namespace));
  await untilItWorks(deadline, () => useHistoryAndMatching(connection, namespace));
}

async function untilItWorks(deadline: number, step: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await sleep(100);
    }
  }
}

const hasCode = (error: unknown, code: number): boolean =>
  isGrpcServiceError(error) && Number(error.code) === code;

async function ensureNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.workflowService.registerNamespace({
      namespace,
      workflowExecutionRetentionPeriod: msToTs(RETENTION_S * 1000),
    });
  } catch (error) {
    if (!hasCode(error, GRPC_ALREADY_EXISTS)) throw error;
  }
}

async function ensureSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in customAttributes));
  if (missing.length === 0) return;
  await connection.operatorService.addSearchAttributes({
    namespace,
    searchAttributes: Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]])),
  });
}

/** The server refuses a query on an attribute its caches do not know yet. */
async function useSearchAttributes(connection: Connection, namespace: string): Promise<void> {
  const query = Object.keys(SEARCH_ATTRIBUTES)
    .map((name) => `${name} = 'x'`)
    .join(' OR ');
  await connection.workflowService.countWorkflowExecutions({ namespace, query });
}

/** After a crash the frontend answers long before the history and matching services have found each other again. */
async function useHistoryAndMatching(connection: Connection, namespace: string): Promise<void> {
  await connection.workflowService.describeTaskQueue({ namespace, taskQueue: { name: 'bootstrap' } });
  try {
    await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: 'bootstrap' },
    });
  } catch (error) {
    if (!hasCode(error, GRPC_NOT_FOUND)) throw error;
  }
}
