/** The fields that were given: null counts, undefined does not. For spreading over an old value. */
export const givenFields = <T extends object>(fields: { [K in keyof T]?: T[K] | undefined }): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
