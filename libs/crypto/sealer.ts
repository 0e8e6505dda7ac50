import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export interface EncryptionKey {
  id: string;
  /** 32 bytes. */
  key: Buffer;
}

/**
 * Seals short secrets (tokens, webhook secrets) with AES-256-GCM (NIST SP 800-38D).
 * Sealed form: `v1.<key id>.<base64url of 12-byte nonce | ciphertext | 16-byte tag>`. `context` is bound as
 * additional data, so a sealed value copied to another row or column does not open.
 */
export class Sealer {
  readonly #newest: EncryptionKey;
  readonly #byId: ReadonlyMap<string, Buffer>;

  /** @param keys newest first; the first one seals, all of them open */
  constructor(keys: readonly EncryptionKey[]) {
    const [newest] = keys;
    if (!newest) throw new Error('at least one encryption key is needed');
    this.#newest = newest;
    this.#byId = new Map(keys.map((k) => [k.id, k.key]));
  }

  seal(plain: string, context: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.#newest.key, nonce).setAAD(Buffer.from(context));
    const body = Buffer.concat([nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `v1.${this.#newest.id}.${body.toString('base64url')}`;
  }

  /** @throws Error when the key id is unknown or the value was altered or sealed for another context */
  open(sealed: string, context: string): string {
    const [version, keyId, text] = sealed.split('.');
    const key = keyId === undefined ? undefined : this.#byId.get(keyId);
    if (version !== 'v1' || !key || text === undefined)
      throw new Error(`no key opens this sealed value (key id ${keyId})`);
    const body = Buffer.from(text, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, 12))
      .setAAD(Buffer.from(context))
      .setAuthTag(body.subarray(-16));
    return Buffer.concat([decipher.update(body.subarray(12, -16)), decipher.final()]).toString('utf8');
  }
}
