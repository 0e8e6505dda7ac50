/** Injection tokens of things that are not classes. */
export const CONFIG = Symbol('CONFIG');
export const DATABASE = Symbol('DATABASE');
export const LOGGER = Symbol('LOGGER');
export const METRICS = Symbol('METRICS');
export const RUNTIMES = Symbol('RUNTIMES');
export const SEALER = Symbol('SEALER');
export const TEMPORAL = Symbol('TEMPORAL');
