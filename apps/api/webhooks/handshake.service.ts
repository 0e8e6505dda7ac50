import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Dispatcher } from 'undici';
import type { Config } from '../../../libs/config/config';
import { AppError } from '../../../libs/core/errors';
import { openEgress } from '../../../libs/webhooks/egress';
import { requestHandshake } from '../../../libs/webhooks/handshake';
import { CONFIG } from '../injection-tokens';
import { MAX_RATE_PER_S } from './endpoints.schema';

/** What we ask for when the endpoint has no limit of its own. */
const WANTED_PER_S = 100;

export interface HandshakeTarget {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Null: no limit of its own. */
  ratePerS: number | null;
}

/** Asks endpoints whether they want our webhooks. */
@Injectable()
export class HandshakeService implements OnModuleDestroy {
  readonly #egress: Dispatcher;
  readonly #origin: string;

  constructor(@Inject(CONFIG) config: Config) {
    this.#egress = openEgress({
      allowLoopback: config.WEBHOOK_ALLOW_LOOPBACK,
      proxyUrl: config.WEBHOOK_PROXY_URL ?? null,
    });
    this.#origin = new URL(config.PUBLIC_URL).hostname;
  }

  onModuleDestroy(): Promise<void> {
    return this.#egress.destroy();
  }

  /**
   * Answers the rate per second at which we may send: the endpoint's own limit or what it allowed, whichever is less; null:
   * no limit.
   * @throws AppError `endpoint_unverified` when it did not agree, or allows less than one request per second
   */
  async ask({ url, headers, ratePerS }: HandshakeTarget): Promise<number | null> {
    const { allowedPerMinute } = await requestHandshake(this.#egress, {
      url,
      headers,
      origin: this.#origin,
      ratePerMinute: (ratePerS ?? WANTED_PER_S) * 60,
    });
    if (allowedPerMinute === null) return ratePerS;
    const allowedPerS = Math.floor(allowedPerMinute / 60);
    if (allowedPerS < 1)
      throw new AppError(
        'endpoint_unverified',
        `The endpoint allows ${allowedPerMinute} requests per minute (WebHook-Allowed-Rate). The least we can keep to is 60.`,
      );
    if (allowedPerS >= MAX_RATE_PER_S) return ratePerS;
    return Math.min(ratePerS ?? allowedPerS, allowedPerS);
  }
}
