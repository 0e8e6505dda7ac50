import type { CliCommand } from './command';

const USAGE = 'npm run cli -- <verb> [options] [--json]';

/** What `npm run cli` and `npm run cli -- help` print. */
export function overview(commands: readonly CliCommand[]): string {
  const width = Math.max(...commands.map((c) => c.verb.length));
  const lines = commands.map((c) => `  ${c.verb.padEnd(width)}  ${c.about}`);
  return [`Usage: ${USAGE}`, '', ...lines, '', 'Options of a verb: npm run cli -- <verb> --help', ''].join(
    '\n',
  );
}

/** What `npm run cli -- <verb> --help` prints. */
export function helpOf(command: CliCommand): string {
  const rows = [
    ...Object.entries(command.options).map(([name, option]): [string, string] => {
      const marks = [option.required ? 'required' : '', option.multiple ? 'may be repeated' : ''].filter(
        Boolean,
      );
      return [`--${name} ${option.value}`, option.about + (marks.length > 0 ? ` (${marks.join(', ')})` : '')];
    }),
    ['--json', 'print one JSON document'] as [string, string],
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
  return [`${command.verb}: ${command.about}`, '', ...lines, ''].join('\n');
}
