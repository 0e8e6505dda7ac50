import { generateKeyPairSync, sign } from 'node:crypto';

const TINK_PREFIX = 0x01;

/** Signs notifications as a Tink keyset does: base64 of `0x01 | key id (4 bytes, big endian) | DER ECDSA P-256`. */
export class WebhookSigner {
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  readonly #keyId = 1_906_421_337;

  sign(body: string): string {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt8(TINK_PREFIX, 0);
    prefix.writeUInt32BE(this.#keyId, 1);
    return Buffer.concat([prefix, sign('sha256', Buffer.from(body), this.#keys.privateKey)]).toString(
      'base64',
    );
  }

  /** The public keyset, in the JSON form of webhooks_public_keyset.json (an EcdsaPublicKey message per key). */
  publicKeyset(): unknown {
    const jwk = this.#keys.publicKey.export({ format: 'jwk' });
    const field = (tag: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
    // Tink writes coordinates as signed integers: 33 bytes with a leading zero.
    const coordinate = (text: string | undefined): Buffer =>
      Buffer.concat([Buffer.from([0]), Buffer.from(text ?? '', 'base64url')]);
    // EcdsaParams: hash_type SHA256 (3), curve NIST_P256 (2), encoding DER (2).
    const params = Buffer.from([0x08, 3, 0x10, 2, 0x18, 2]);
    const value = Buffer.concat([
      field(0x12, params),
      field(0x1a, coordinate(jwk.x)),
      field(0x22, coordinate(jwk.y)),
    ]);
    return {
      primaryKeyId: this.#keyId,
      key: [
        {
          keyData: {
            typeUrl: 'type.googleapis.com/google.crypto.tink.EcdsaPublicKey',
            value: value.toString('base64'),
            keyMaterialType: 'ASYMMETRIC_PUBLIC',
          },
          status: 'ENABLED',
          keyId: this.#keyId,
          outputPrefixType: 'TINK',
        },
      ],
    };
  }
}
