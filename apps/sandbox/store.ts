import type { AccountSize, DataSource } from './data-source';
import type { ExercisePoint } from './google-health/exercise-point';
import { generateExercises, generateWeights } from './google-health/generate-points';
import type { WeightPoint } from './google-health/weight-point';
import { offsetSecondsAt, DAY_MS } from './local-time';
import type { SandboxProvider } from './providers';
import { hash32 } from './seed';
import type { StravaActivity } from './strava/activity';
import { generateActivities } from './strava/generate-activities';
import { TimedStream } from './timed-stream';

interface AccountBase {
  readonly name: string;
  /** The provider's own numeric id of the account, as text. */
  readonly id: string;
  readonly zone: string;
  readonly size: AccountSize;
}

export interface StravaAccount extends AccountBase {
  readonly provider: 'strava';
  readonly activities: TimedStream<StravaActivity>;
}

export interface GoogleHealthAccount extends AccountBase {
  readonly provider: 'google_health';
  readonly weights: TimedStream<WeightPoint>;
  readonly exercises: TimedStream<ExercisePoint>;
}

export type Account = StravaAccount | GoogleHealthAccount;
export type AccountOf<P extends SandboxProvider> = Extract<Account, { provider: P }>;

const ZONES = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Europe/London'] as const;

/** All accounts of all providers. Data is made on first use, from the seed and the account's name. */
export class Store {
  readonly #byName = new Map<string, Account>();
  readonly #byId = new Map<string, Account>();

  constructor(
    readonly seed: string,
    private readonly startOfTodayMs: number,
    private readonly now: () => number,
  ) {}

  list<P extends SandboxProvider>(provider: P): AccountOf<P>[] {
    return [...this.#byName.values()].filter((a): a is AccountOf<P> => a.provider === provider);
  }

  /** Finds an account by its name or by the provider's id. */
  find<P extends SandboxProvider>(provider: P, nameOrId: string): AccountOf<P> | undefined {
    const key = `${provider}/${nameOrId}`;
    const account = this.#byName.get(key) ?? this.#byId.get(key);
    return account?.provider === provider ? (account as AccountOf<P>) : undefined;
  }

  /** Makes an account or, when it exists, makes its data anew at another size. */
  define(provider: SandboxProvider, name: string, size: AccountSize): Account {
    const id = this.#byName.get(`${provider}/${name}`)?.id ?? this.#freeId(provider, name);
    const zone = ZONES[hash32(`${this.seed} ${name}`) % ZONES.length] ?? 'Europe/Berlin';
    const today = Math.floor(this.startOfTodayMs / DAY_MS);
    const lastDay = offsetSecondsAt(zone, this.startOfTodayMs) < 0 ? today - 2 : today - 1;
    const source: DataSource = { seed: this.seed, accountName: name, accountId: id, zone, size, lastDay };
    const base = { name, id, zone, size };
    const account: Account =
      provider === 'strava'
        ? { provider, ...base, activities: new TimedStream(() => generateActivities(source), this.now) }
        : {
            provider,
            ...base,
            weights: new TimedStream(() => generateWeights(source), this.now),
            exercises: new TimedStream(() => generateExercises(source), this.now),
          };
    this.#byName.set(`${provider}/${name}`, account);
    this.#byId.set(`${provider}/${id}`, account);
    return account;
  }

  #freeId(provider: SandboxProvider, name: string): string {
    if (/^[1-9]\d{5,17}$/.test(name)) return name;
    let id = 10_000_000 + (hash32(`${provider} account ${name}`) % 900_000_000);
    while (this.#byId.has(`${provider}/${id}`)) id += 1;
    return String(id);
  }
}
