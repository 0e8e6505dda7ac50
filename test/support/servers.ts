/** What the run's global setup started; handed to the test files through the environment. */
export interface TestServers {
  /** Superuser URL of the run's PostgreSQL, database `postgres`. */
  postgresUrl: string;
  /** Name of the migrated database every test database is copied from. */
  templateDatabase: string;
  /** host:port of the run's Temporal server. */
  temporalAddress: string;
}

const VARIABLE = 'DT_TEST_SERVERS';

export function publishServers(servers: TestServers): void {
  process.env[VARIABLE] = JSON.stringify(servers);
}

export const arePublished = (): boolean => process.env[VARIABLE] !== undefined;

/** @throws Error in a test project without the global setup */
export function testServers(): TestServers {
  const text = process.env[VARIABLE];
  if (text === undefined)
    throw new Error(
      'No test servers: this test belongs into a jest project with test/support/global-setup.ts',
    );
  return JSON.parse(text) as TestServers;
}
