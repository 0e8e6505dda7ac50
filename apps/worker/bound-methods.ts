/** The named methods of an instance, bound to it: what a worker registers, and nothing else of the class. */
export function boundMethods<T extends object, K extends keyof T & string>(
  instance: T,
  names: readonly K[],
): Pick<T, K> {
  const entries = names.map((name) => {
    const method: unknown = instance[name];
    if (typeof method !== 'function') throw new TypeError(`${name} is not a method`);
    return [name, method.bind(instance) as T[K]];
  });
  return Object.fromEntries(entries) as Pick<T, K>;
}
