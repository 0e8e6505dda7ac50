/** Injection tokens of things that are not classes. */
export const DATABASE = Symbol('DATABASE');
export const RUNTIMES = Symbol('RUNTIMES');
export const CONFIG = Symbol('CONFIG');
export const LOGGER = Symbol('LOGGER');
/** How deliveries are kept in line with their executions: `ExecutionLine` of webhooks.activities.ts. */
export const EXECUTION_LINE = Symbol('EXECUTION_LINE');
/** prom-client's registry of the process. */
export const METRICS = Symbol('METRICS');
