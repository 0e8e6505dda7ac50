/** Who may import whom: design §3, each row a rule. `npm run check` runs them. */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$' },
  to: { pathNot: [...allowed, from], dependencyTypesNot: ['core', 'type-only'] },
});
const npm = (...names) => names.map((n) => `^node_modules/${n}(/|$)`);

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans-by-mistake', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-imports-nothing',
      comment: 'libs/core is pure: workflow code runs it',
      severity: 'error',
      from: { path: '^libs/core/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: ['^libs/core/'] },
    },
    only('health', '^libs/health/', ['^libs/core/', ...npm('zod')], 'libs/health is pure'),
    {
      name: 'connector-folder',
      comment: 'a connector is data and pure functions: never db, Nest, Temporal or another provider',
      severity: 'error',
      from: { path: '^libs/connectors/([^/]+)/', pathNot: '\\.test\\.ts$' },
      to: {
        dependencyTypesNot: ['core'],
        pathNot: [
          '^libs/connectors/$1/',
          '^libs/connectors/contract\\.ts$',
          '^libs/(core|health)/',
          ...npm('zod'),
        ],
      },
    },
    {
      name: 'workflows-are-deterministic',
      severity: 'error',
      from: { path: '^workflows/', pathNot: '\\.test\\.ts$' },
      to: {
        pathNot: ['^workflows/', '^libs/core/', ...npm('@temporalio/workflow', '@temporalio/common')],
        dependencyTypesNot: ['type-only'],
      },
    },
    only(
      'activities',
      '^activities/',
      [
        '^libs/',
        '^workflows/contract\\.ts$',
        ...npm('@temporalio/(activity|common|client)', '@nestjs/common', 'zod'),
      ],
      'activities use libs and the contract',
    ),
    only(
      'temporal',
      '^temporal/',
      ['^libs/(core|config|crypto|telemetry)/', ...npm('@temporalio/[^/]+')],
      '',
    ),
    {
      name: 'api-is-a-client',
      severity: 'error',
      from: { path: '^apps/api/' },
      to: {
        path: [
          '^activities/',
          '^apps/(?!api/)',
          ...npm('@temporalio/worker'),
          '^workflows/(?!contract\\.ts$)',
        ],
      },
    },
    {
      name: 'libs-know-no-app',
      severity: 'error',
      from: { path: '^libs/', pathNot: '\\.test\\.ts$' },
      to: { path: ['^(apps|activities|temporal|workflows)/', ...npm('@nestjs/[^/]+', '@temporalio/[^/]+')] },
    },
    {
      name: 'sandbox-knows-no-product',
      comment: 'a stand-in built with our own connectors would prove nothing',
      severity: 'error',
      from: { path: '^apps/sandbox/' },
      to: { path: ['^libs/(?!core/|telemetry/)', '^(activities|temporal|workflows)/', '^apps/(?!sandbox/)'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^dist/', '^apps/web/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
