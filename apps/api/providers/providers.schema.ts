import { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import { STREAMS } from '../../../libs/core/providers';
import { STREAM_SCOPE, SCOPES } from '../../../libs/core/scopes';

export const provider = z
  .strictObject({
    id: z.string(),
    label: z.string(),
    docsUrl: z.string(),
    configured: z.boolean().describe('can users connect it here?'),
    streams: z.array(
      z.strictObject({
        stream: z.enum(STREAMS),
        scope: z.enum(SCOPES).describe('the grant an app needs to read it'),
        providerScopes: z.array(z.string()).describe('of these the user must accept one at the provider'),
        initialDays: z.number().describe('how far the first sync reads back'),
      }),
    ),
    capabilities: z.strictObject({
      pkce: z.boolean(),
      revocation: z.boolean(),
    }),
    policy: z.strictObject({
      reExport: z.boolean().describe('may partners read or receive its records?'),
      cacheTtlDays: z.number().nullable(),
      note: z.string(),
    }),
  })
  .meta({ id: 'Provider' });

export const providerList = z.strictObject({ data: z.array(provider) }).meta({ id: 'ProviderList' });

export function providerToWire(runtime: ProviderRuntime): z.infer<typeof provider> {
  const { connector, auth, policy } = runtime;
  return {
    id: connector.id,
    label: connector.label,
    docsUrl: connector.docsUrl,
    configured: runtime.clientId !== null && runtime.clientSecret !== null,
    streams: connector.streams.map((s) => ({
      stream: s.stream,
      scope: STREAM_SCOPE[s.stream],
      providerScopes: [...s.anyScope],
      initialDays: s.initialDays,
    })),
    capabilities: { pkce: auth.pkce, revocation: auth.revocationUrl !== '' },
    policy: { reExport: policy.reExport, cacheTtlDays: policy.cacheTtlDays, note: policy.note },
  };
}
