import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { ApiKeyGuard } from './auth/api-key.guard';
import { HealthController } from './health/health.controller';
import { CONFIG, DATABASE, LOGGER, METRICS, RUNTIMES, SEALER, TEMPORAL } from './injection-tokens';
import { CallbackController } from './integrations/callback.controller';
import { ConnectService } from './integrations/connect.service';
import { IntegrationsController } from './integrations/integrations.controller';
import { SyncController } from './integrations/sync.controller';
import { SyncService } from './integrations/sync.service';
import { ProvidersController } from './providers/providers.controller';
import { RecordsController } from './records/records.controller';
import type { Resources } from './resources';
import { RunsController } from './runs/runs.controller';
import { UsersController } from './users/users.controller';
import { EndpointsController } from './webhooks/endpoints.controller';

@Module({})
export class ApiModule {
  static with(resources: Resources): DynamicModule {
    return {
      module: ApiModule,
      controllers: [
        HealthController,
        ProvidersController,
        UsersController,
        CallbackController,
        IntegrationsController,
        SyncController,
        RunsController,
        RecordsController,
        EndpointsController,
      ],
      providers: [
        { provide: CONFIG, useValue: resources.config },
        { provide: DATABASE, useValue: resources.db },
        { provide: LOGGER, useValue: resources.logger },
        { provide: METRICS, useValue: resources.metrics },
        { provide: RUNTIMES, useValue: resources.runtimes },
        { provide: SEALER, useValue: resources.sealer },
        { provide: TEMPORAL, useValue: resources.temporal },
        { provide: APP_GUARD, useClass: ApiKeyGuard },
        SyncService,
        ConnectService,
      ],
    };
  }
}
