import type { Sealer } from '../crypto/sealer';
import type { EndpointToSend } from '../db/deliveries.repo';

/** Opened texts that are kept; a deployment with more endpoints opens some again. */
const MAX_OPENED = 10_000;

/** Binds a sealed text to its endpoint's row, so that it opens nowhere else. */
const contextOf = (endpointId: string): string => `endpoint:${endpointId}`;

/** Seals an endpoint's `whsec_…` or its headers. */
export const sealForEndpoint = (sealer: Sealer, endpointId: string, text: string): string =>
  sealer.seal(text, contextOf(endpointId));

/** Opens what endpoints keep sealed. What was opened is kept in memory: every request needs it. */
export class EndpointSecrets {
  readonly #opened = new Map<string, string>();

  constructor(private readonly sealer: Sealer) {}

  /** What signs a request, newest first. @throws Error when one was altered, moved, or its key is gone */
  secretsOf(
    endpointId: string,
    endpoint: Pick<EndpointToSend, 'secretSealed' | 'previousSecretSealed'>,
  ): string[] {
    return [endpoint.secretSealed, endpoint.previousSecretSealed].flatMap((sealed) =>
      sealed === null ? [] : [this.#open(endpointId, sealed)],
    );
  }

  /** Headers of the partner's own. @throws as `secretsOf` */
  headersOf(
    endpointId: string,
    { headersSealed }: Pick<EndpointToSend, 'headersSealed'>,
  ): Record<string, string> {
    return headersSealed === null
      ? {}
      : (JSON.parse(this.#open(endpointId, headersSealed)) as Record<string, string>);
  }

  #open(endpointId: string, sealed: string): string {
    const key = `${endpointId} ${sealed}`;
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const opened = this.sealer.open(sealed, contextOf(endpointId));
    if (this.#opened.size >= MAX_OPENED) this.#opened.clear();
    this.#opened.set(key, opened);
    return opened;
  }
}
