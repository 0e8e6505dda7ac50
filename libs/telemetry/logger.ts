import { DrizzleQueryError } from 'drizzle-orm';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 10, info: 20, warn: 30, error: 40 };
const SECRET_FIELD = /token|secret|password|authorization|code_verifier|api_?key/i;

export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log lines on standard output, one JSON object each. Fields whose name tells a secret are redacted. */
export class Logger {
  constructor(
    private readonly service: string,
    private readonly level: LogLevel,
  ) {}

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }

  #write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (ORDER[level] < ORDER[this.level]) return;
    const safe = Object.entries(fields).map(([k, v]) => [
      k,
      SECRET_FIELD.test(k) ? '[redacted]' : describe(v),
    ]);
    process.stdout.write(
      `${JSON.stringify({ at: new Date().toISOString(), level, service: this.service, message, ...Object.fromEntries(safe) })}\n`,
    );
  }
}

function describe(value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  // drizzle's own message repeats the statement with its values, which may be health data: PostgreSQL's is taken.
  if (value instanceof DrizzleQueryError) return describe(value.cause ?? new Error('query failed'));
  const code = 'code' in value ? { code: value.code } : {};
  return {
    name: value.name,
    message: value.message,
    ...code,
    stack: value.stack?.split('\n').slice(1, 6).join('\n'),
  };
}
