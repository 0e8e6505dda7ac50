import { z } from 'zod';

/** Data types the real service accepts in a subscriber (sheet §7.6), as far as the sandbox makes data of them or not. */
const dataType = z
  .string()
  .regex(/^[a-z]+(-[a-z0-9]+)*$/)
  .refine((t) => t !== 'total-calories', 'is not supported');

export const subscriberBodySchema = z.object({
  endpointUri: z.url({ protocol: /^https?$/ }),
  subscriberConfigs: z
    .array(
      z.object({
        dataTypes: z.array(dataType).min(1),
        subscriptionCreatePolicy: z.enum(['AUTOMATIC', 'MANUAL']),
      }),
    )
    .default([]),
  endpointAuthorization: z.object({ secret: z.string().min(1) }),
});

export type SubscriberBody = z.output<typeof subscriberBodySchema>;

export interface Subscriber extends SubscriberBody {
  name: string;
  state: 'ACTIVE' | 'INACTIVE';
  createTime: string;
  updateTime: string;
}

/** The project-level subscribers by resource name. */
export class Subscribers {
  readonly #byName = new Map<string, Subscriber>();

  get(name: string): Subscriber | undefined {
    return this.#byName.get(name);
  }

  list(parent?: string): Subscriber[] {
    const all = [...this.#byName.values()];
    return parent === undefined ? all : all.filter((s) => s.name.startsWith(`${parent}/`));
  }

  put(subscriber: Subscriber): void {
    this.#byName.set(subscriber.name, subscriber);
  }

  remove(name: string): boolean {
    return this.#byName.delete(name);
  }
}
