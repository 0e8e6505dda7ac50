const WRONG_VALUES: readonly unknown[] = [
  null,
  '',
  'x',
  'cut \ud83d \u0000 off',
  '0000-99-99T99:99:99Z',
  0,
  -1,
  1e300,
  2 ** 60,
  true,
  [],
  {},
  [null],
];

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  if (value === null || typeof value !== 'object') return [path];
  const children = Array.isArray(value) ? value.map((v, i) => [i, v] as const) : Object.entries(value);
  return [path, ...children.flatMap(([key, child]) => pathsOf(child, [...path, key]))];
}

function parentOf(root: unknown, path: Path): Record<string | number, unknown> {
  return path
    .slice(0, -1)
    .reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], root) as Record<
    string | number,
    unknown
  >;
}

export interface Mutation {
  label: string;
  page: unknown;
}

/** Every way to take one thing out of a page or to put a wrong thing in its place. */
export function* brokenPages(page: unknown): Generator<Mutation> {
  for (const wrong of WRONG_VALUES) yield { label: `page = ${JSON.stringify(wrong)}`, page: wrong };
  for (const path of pathsOf(page)) {
    const key = path.at(-1);
    if (key === undefined) continue;
    const without = structuredClone(page);
    delete parentOf(without, path)[key];
    yield { label: `without ${path.join('.')}`, page: without };
    for (const wrong of WRONG_VALUES) {
      const changed = structuredClone(page);
      parentOf(changed, path)[key] = wrong;
      yield { label: `${path.join('.')} = ${JSON.stringify(wrong)}`, page: changed };
    }
  }
}

/** The page with an unknown field in every object, as a provider may add it any day, and its keys in reverse order. */
export function extendedPage(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(extendedPage);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, child]) => [key, extendedPage(child)] as const);
  return Object.fromEntries([...entries, ['added_by_provider', { new: [1, null, 'x'] }] as const].reverse());
}
