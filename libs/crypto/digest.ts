import { createHash, randomBytes } from 'node:crypto';

/** SHA-256 in hex: how API keys and connect states are stored. */
export const sha256Hex = (text: string): string => createHash('sha256').update(text).digest('hex');

/** 256 random bits, base64url. */
export const randomToken = (): string => randomBytes(32).toString('base64url');
