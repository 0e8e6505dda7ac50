import { Module, type DynamicModule } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import type { Sealer } from '../../libs/crypto/sealer';
import { EndpointSecrets } from '../../libs/webhooks/endpoint-secret';
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
import { DeliveriesController } from './webhooks/deliveries.controller';
import { DeliveryVerbsController } from './webhooks/delivery-verbs.controller';
import { EndpointSecretController } from './webhooks/endpoint-secret.controller';
import { EndpointStatesController } from './webhooks/endpoint-states.controller';
import { EndpointsController } from './webhooks/endpoints.controller';
import { EventTypesController } from './webhooks/event-types.controller';
import { EventsController } from './webhooks/events.controller';
import { HandshakeService } from './webhooks/handshake.service';
import { PingController } from './webhooks/ping.controller';
import { PingService } from './webhooks/ping.service';
import { ReplayService } from './webhooks/replay.service';
import { ReplaysController } from './webhooks/replays.controller';
import { WebhookSloController } from './webhooks/slo.controller';

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
        EndpointStatesController,
        EndpointSecretController,
        PingController,
        DeliveriesController,
        DeliveryVerbsController,
        ReplaysController,
        WebhookSloController,
        EventTypesController,
        EventsController,
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
        {
          provide: EndpointSecrets,
          useFactory: (sealer: Sealer) => new EndpointSecrets(sealer),
          inject: [SEALER],
        },
        HandshakeService,
        PingService,
        ReplayService,
        SyncService,
        ConnectService,
      ],
    };
  }
}
