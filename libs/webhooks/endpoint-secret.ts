import type { KeyObject } from 'node:crypto';
import type { Sealer } from '../crypto/sealer';
import type { EndpointToSend } from '../db/deliveries.repo';
import { webhookKey } from './signing';

/** Opened texts that are kept; a deployment with more endpoints opens some again. */
const MAX_OPENED = 10_000;

/** Binds a sealed text to its endpoint's row, so that it opens nowhere else. */
const contextOf = (endpointId: string): string => `endpoint:${endpointId}`;

/** Seals an endpoint's `whsec_…` or its headers. */
export const sealForEndpoint = (sealer: Sealer, endpointId: string, text: string): string =>
  sealer.seal(text, contextOf(endpointId));

interface Opened {
  text: string;
  /** Null unless the text is a secret. */
  key: KeyObject | null;
}

/** Opens what endpoints keep sealed. What was opened is kept in memory: every request needs it. */
export class EndpointSecrets {
  readonly #opened = new Map<string, Opened>();

  constructor(private readonly sealer: Sealer) {}

  /** What signs a request, newest first. @throws Error when one was altered, moved, or its key is gone */
  keysOf(
    endpointId: string,
    endpoint: Pick<EndpointToSend, 'secretSealed' | 'previousSecretSealed'>,
  ): KeyObject[] {
    return [endpoint.secretSealed, endpoint.previousSecretSealed].flatMap((sealed) => {
      if (sealed === null) return [];
      const opened = this.#open(endpointId, sealed);
      return [(opened.key ??= webhookKey(opened.text))];
    });
  }

  /** Headers of the partner's own. @throws as `keysOf` */
  headersOf(
    endpointId: string,
    { headersSealed }: Pick<EndpointToSend, 'headersSealed'>,
  ): Record<string, string> {
    return headersSealed === null
      ? {}
      : (JSON.parse(this.#open(endpointId, headersSealed).text) as Record<string, string>);
  }

  #open(endpointId: string, sealed: string): Opened {
    const place = `${endpointId} ${sealed}`;
    const known = this.#opened.get(place);
    if (known !== undefined) return known;
    const opened = { text: this.sealer.open(sealed, contextOf(endpointId)), key: null };
    if (this.#opened.size >= MAX_OPENED) this.#opened.clear();
    this.#opened.set(place, opened);
    return opened;
  }
}
