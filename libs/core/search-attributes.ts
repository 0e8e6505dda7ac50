/** Temporal search attributes of the product. They are not encrypted: opaque ids and words only. */
export const SEARCH_ATTRIBUTES = {
  Provider: 'KEYWORD',
  IntegrationId: 'KEYWORD',
  UserId: 'KEYWORD',
  SyncTrigger: 'KEYWORD',
  SyncOutcome: 'KEYWORD',
  EndpointId: 'KEYWORD',
} as const;

export type SearchAttributeName = keyof typeof SEARCH_ATTRIBUTES;
