import { Controller, Get, Inject, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { z } from 'zod';
import type { ProviderRuntime } from '../../../libs/connectors/runtime';
import type { ProviderId } from '../../../libs/core/providers';
import { documented } from '../http/answers';
import { RUNTIMES } from '../injection-tokens';
import { findRuntime } from './find-runtime';
import { provider, providerList, providerToWire } from './providers.schema';

@ApiTags('providers')
@ApiBearerAuth('apiKey')
@Controller('v1/providers')
export class ProvidersController {
  constructor(@Inject(RUNTIMES) private readonly runtimes: ReadonlyMap<ProviderId, ProviderRuntime>) {}

  @Get()
  @documented('List the providers', { 200: { description: 'All of them.', schema: providerList } })
  listProviders(): z.infer<typeof providerList> {
    return { data: [...this.runtimes.values()].map(providerToWire) };
  }

  @Get(':provider')
  @documented('Read one provider', { 200: { description: 'The provider.', schema: provider } })
  getProvider(@Param('provider') text: string): z.infer<typeof provider> {
    return providerToWire(findRuntime(this.runtimes, text));
  }
}
