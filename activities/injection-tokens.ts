/** Injection tokens of things that are not classes. */
export const DATABASE = Symbol('DATABASE');
export const RUNTIMES = Symbol('RUNTIMES');
export const CONFIG = Symbol('CONFIG');
export const LOGGER = Symbol('LOGGER');
/** prom-client's registry of the process. */
export const METRICS = Symbol('METRICS');
