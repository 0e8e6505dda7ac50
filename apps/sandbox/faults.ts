import type { SandboxProvider } from './providers';

/**
 * What can go wrong on command. `data` faults strike data requests unless a path says otherwise, `token`
 * strikes the token endpoint, `notify` strikes the next notification, `now` takes effect when it is posted.
 * `times` is how many strikes a fault has by default (Infinity: until it is cleared).
 */
export const FAULTS = {
  slow: { strikes: 'data', times: 1 },
  drop: { strikes: 'data', times: 1 },
  server_error: { strikes: 'data', times: 1 },
  html_error: { strikes: 'data', times: 1 },
  rate_limited: { strikes: 'data', times: 1 },
  forbidden_all: { strikes: 'data', times: Number.POSITIVE_INFINITY },
  account_not_linked: { strikes: 'data', times: Number.POSITIVE_INFINITY },
  malformed_json: { strikes: 'data', times: 1 },
  drop_after_commit: { strikes: 'token', times: 1 },
  not_found_after_notify: { strikes: 'notify', times: 1 },
  duplicate_notification: { strikes: 'notify', times: 1 },
  out_of_order_notification: { strikes: 'notify', times: 1 },
  token_expired: { strikes: 'now', times: 1 },
  dead_refresh_token: { strikes: 'now', times: 1 },
} as const satisfies Record<string, { strikes: 'data' | 'token' | 'notify' | 'now'; times: number }>;

export type FaultKind = keyof typeof FAULTS;

export const FAULT_KINDS = Object.keys(FAULTS) as [FaultKind, ...FaultKind[]];

export interface FaultRequest {
  provider: SandboxProvider;
  kind: FaultKind;
  /** Strikes only requests whose path contains this text, data request or not. */
  path?: string | undefined;
  /** Strikes only this account (its name or its provider id). */
  account?: string | undefined;
  times?: number | undefined;
  delayMs?: number | undefined;
}

export interface Fault {
  readonly id: number;
  readonly provider: SandboxProvider;
  readonly kind: FaultKind;
  readonly path: string | undefined;
  readonly account: string | undefined;
  readonly delayMs: number | undefined;
  left: number;
  struck: number;
}

/** Where a fault could strike. `accountNames` holds the account's name and its provider id, if known. */
export interface FaultTarget {
  provider: SandboxProvider;
  path: string;
  isDataPath: boolean;
  accountNames: readonly string[];
}

/** The armed faults, oldest first. A fault that has struck its times is disarmed but stays listed. */
export class FaultBox {
  #armed: Fault[] = [];
  #spent: Fault[] = [];
  #nextId = 1;

  arm(request: FaultRequest): Fault {
    const fault: Fault = {
      id: this.#nextId++,
      provider: request.provider,
      kind: request.kind,
      path: request.path,
      account: request.account,
      delayMs: request.delayMs,
      left: request.times ?? FAULTS[request.kind].times,
      struck: 0,
    };
    this.#armed.push(fault);
    return fault;
  }

  get isQuiet(): boolean {
    return this.#armed.length === 0;
  }

  /** The next armed fault of one of `kinds` that fits; counts as one strike. */
  strike(kinds: readonly FaultKind[], target: FaultTarget): Fault | undefined {
    const fault = this.#armed.find((f) => kinds.includes(f.kind) && fits(f, target));
    if (fault !== undefined) this.#count(fault);
    return fault;
  }

  list(): { armed: readonly Fault[]; spent: readonly Fault[] } {
    return { armed: this.#armed, spent: this.#spent };
  }

  clear(): void {
    this.#armed = [];
    this.#spent = [];
  }

  /** Notes a fault whose effect is complete, without a request that it would wait for. */
  spend(fault: Fault): void {
    fault.left = 1;
    this.#count(fault);
  }

  #count(fault: Fault): void {
    fault.left -= 1;
    fault.struck += 1;
    if (fault.left > 0) return;
    this.#armed = this.#armed.filter((f) => f !== fault);
    this.#spent = [...this.#spent.slice(-99), fault];
  }
}

function fits(fault: Fault, target: FaultTarget): boolean {
  if (fault.provider !== target.provider) return false;
  if (fault.account !== undefined && !target.accountNames.includes(fault.account)) return false;
  if (FAULTS[fault.kind].strikes !== 'data') return true;
  return fault.path === undefined ? target.isDataPath : target.path.includes(fault.path);
}
