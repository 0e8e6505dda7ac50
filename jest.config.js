/** Unit tests need no server; the other projects share one PostgreSQL and one Temporal server per run. */
const base = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleFileExtensions: ['ts', 'js', 'json'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.data/'],
};

const withServers = (name, options = {}) => ({
  ...base,
  displayName: name,
  testMatch: [`<rootDir>/test/${name}/**/*.test.ts`],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  ...options,
});

/** @type {import('jest').Config} */
module.exports = {
  testTimeout: 120_000,
  maxWorkers: 2,
  projects: [
    {
      ...base,
      displayName: 'unit',
      testMatch: ['libs', 'apps', 'workflows', 'activities', 'temporal', 'scripts'].map(
        (area) => `<rootDir>/${area}/**/*.test.ts`,
      ),
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/apps/web/'],
    },
    withServers('integration'),
    { ...base, displayName: 'replay', testMatch: ['<rootDir>/test/replay/**/*.test.ts'] },
    withServers('e2e'),
    withServers('chaos'),
  ],
};
