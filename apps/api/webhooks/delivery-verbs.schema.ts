import { z } from 'zod';
import { delivery } from './deliveries.schema';

export const deliveryAfterVerb = z
  .strictObject({
    ...delivery.shape,
    execution: z
      .enum(['told', 'unreachable', 'none'])
      .describe(
        '`told`: its execution in Temporal does the same; `unreachable`: Temporal does not answer and is told later, the delivery stands as shown; `none`: nothing had to be told',
      ),
  })
  .meta({ id: 'DeliveryAfterVerb' });
