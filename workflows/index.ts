/** The entry of the workflow bundle; the bundler demands one. Everything else imports the file it means. */
export { disconnectIntegration } from './disconnect-integration';
export { dispatchSyncs } from './dispatch-syncs';
export { dispatchWebhooks } from './dispatch-webhooks';
export { maintainWebhooks } from './maintain-webhooks';
export { replayEndpoint } from './replay-endpoint';
export { syncIntegration } from './sync-integration';
