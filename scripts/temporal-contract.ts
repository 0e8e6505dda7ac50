import type { ManagedProcess } from './managed-process';
import type { Say } from './project';

export interface TemporalOptions {
  /** URL of any database of the PostgreSQL that a native server keeps its own databases on. */
  databaseUrl: string;
  /** Ends the names of those databases, so that several servers share one PostgreSQL; `''` for the usual one. */
  databaseSuffix: string;
  grpcPort: number;
  /** null: without UI. */
  uiPort: number | null;
  /** The namespace the UI opens with. */
  namespace: string;
  /** Absolute folder for the server's own files. */
  workDirectory: string;
  logDirectory: string;
  env: NodeJS.ProcessEnv;
  say: Say;
}

export interface TemporalServer {
  kind: 'given' | 'native' | 'cli';
  description: string;
  /** host:port of the frontend. */
  address: string;
  uiUrl: string | null;
  processes: readonly ManagedProcess[];
  stop(): Promise<void>;
}
