import { SetMetadata } from '@nestjs/common';

export const PUBLIC_ROUTE = 'diettracker:public-route';

/** This route needs no API key. */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC_ROUTE, true);
