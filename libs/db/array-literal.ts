/**
 * A PostgreSQL array literal (manual, 8.15.2) for a parameter that is cast to `text[]` or `date[]`: drizzle would spread a
 * JavaScript array over many parameters, which makes another statement of every length.
 */
export const arrayLiteral = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`).join(',')}}`;
