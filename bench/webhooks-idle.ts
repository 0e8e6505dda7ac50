import { open, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { rounded } from './webhooks-clock';
import type { Bench, Figures } from './webhooks-run';

/** What the product asks its database when there is nobody to deliver to. */

const SETTLE_MS = 5_000;
const MARK = 'bench-idle';
/** Statements that only open and close transactions are counted, but are not "the same statement" as another. */
const TRANSACTION_WORDS = /^(begin|commit|rollback|deallocate|discard)\b/i;

/** The log of the embedded server (scripts/postgres.ts puts it beside the data). */
async function logFileOf(bench: Bench): Promise<string> {
  const [row] = await bench.db.execute<{ data_directory: string }>(sql`show data_directory`);
  return join(dirname(row!.data_directory), 'postgres.log');
}

/** Makes the server log every statement with its database, or ends that. All sessions follow within moments. */
async function logStatements(bench: Bench, on: boolean): Promise<void> {
  const settings = [
    ['log_statement', `'all'`],
    ['log_line_prefix', `'${MARK}|%d|%a|'`],
    ['log_parameter_max_length', `'0'`],
    ['log_duration', `'off'`],
  ] as const;
  for (const [name, value] of settings)
    await bench.db.execute(
      sql.raw(on ? `alter system set ${name} = ${value}` : `alter system reset ${name}`),
    );
  await bench.db.execute(sql`select pg_reload_conf()`);
}

/** The text that was appended to a file between two sizes. */
async function readRange(file: string, from: number, to: number): Promise<string> {
  const handle = await open(file, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(to - from), 0, to - from, from);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** How often each statement of the product ran, by its text, from the server's log. */
function countStatements(log: string, database: string, ownName: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const entry of log.split(`${MARK}|`).slice(1)) {
    const [db, application, ...rest] = entry.split('|');
    const text = /^LOG:\s+(?:statement|execute [^:]*): ([\s\S]*)/.exec(rest.join('|'))?.[1];
    if (db !== database || application === ownName || text === undefined) continue;
    const statement = text.replaceAll(/\s+/g, ' ').trim();
    counts.set(statement, (counts.get(statement) ?? 0) + 1);
  }
  return counts;
}

/** With no endpoint enabled: statements per second in all, and of the most frequent one. */
export async function idle(bench: Bench): Promise<Figures> {
  const { db, stack } = bench;
  await db.execute(sql`update endpoints set status = 'disabled' where status <> 'disabled'`);
  const seconds = Math.max(5, 20 * bench.scale);
  const database = new URL(stack.env['DATABASE_URL']!).pathname.slice(1);
  const file = await logFileOf(bench);
  await sleep(SETTLE_MS);
  let log: string;
  try {
    await logStatements(bench, true);
    await sleep(1_000);
    const from = (await stat(file)).size;
    await sleep(seconds * 1_000);
    log = await readRange(file, from, (await stat(file)).size);
  } finally {
    await logStatements(bench, false);
  }
  const counts = countStatements(log, database, 'bench');
  const all = [...counts.values()].reduce((total, count) => total + count, 0);
  if (all === 0) throw new Error(`idle: ${file} shows no statement of the product; it should poll`);
  const [statement, most] = [...counts]
    .filter(([text]) => !TRANSACTION_WORDS.test(text))
    .sort(([, a], [, b]) => b - a)[0] ?? ['none', 0];
  bench.say(
    `no endpoint enabled: ${rounded(all / seconds, 2)} statements/s in all; the most frequent one ` +
      `${rounded(most / seconds, 2)}/s: ${statement.slice(0, 100)} …`,
  );
  return { idleQueriesPerSecond: rounded(most / seconds, 2), idleAllPerSecond: rounded(all / seconds, 2) };
}
