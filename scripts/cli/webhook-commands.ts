import { readFileSync } from 'node:fs';
import { webhookKey } from '../../libs/webhooks/signing';
import { testSignature } from '../../libs/webhooks/test-signature';
import { optionalOf, valueOf, type CliCommand } from './command';
import { UsageError } from './usage-error';

function secretOf(text: string): string {
  try {
    webhookKey(text);
    return text;
  } catch (error) {
    throw new UsageError(`--secret: ${(error as Error).message}`);
  }
}

/** The bytes of a file are signed as they are, with its last newline. */
function bodyOf(text: string | null, file: string | null): string | Uint8Array {
  if ((text === null) === (file === null)) throw new UsageError('give either --body or --body-file');
  if (file === null) return text!;
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`--body-file: ${(error as Error).message}`);
  }
}

function timeOf(text: string | null): { timestampS?: number } {
  if (text === null) return {};
  if (/^\d{1,11}$/.test(text)) return { timestampS: Number(text) };
  throw new UsageError('--time must be a Unix time in seconds');
}

function eventIdOf(text: string | null): { eventId?: string } {
  if (text === null) return {};
  if (/^[\x21-\x7e]{1,100}$/.test(text)) return { eventId: text };
  throw new UsageError('--id must be 1 to 100 visible ASCII characters');
}

const webhookSign: CliCommand = {
  verb: 'webhook sign',
  about: 'print headers with which a partner tests a receiver (for curl -H @file)',
  options: {
    secret: { value: '<whsec_…>', about: "the endpoint's secret", required: true },
    body: { value: '<text>', about: 'the body' },
    'body-file': { value: '<file>', about: 'the body, for curl --data-binary @file' },
    id: { value: '<event id>', about: 'the webhook-id (default: a new one)' },
    time: { value: '<unix seconds>', about: 'the time it claims to be sent (default: now)' },
  },
  run: (_, values) =>
    Promise.resolve(
      testSignature({
        secret: secretOf(valueOf(values, 'secret')),
        body: bodyOf(optionalOf(values, 'body'), optionalOf(values, 'body-file')),
        ...eventIdOf(optionalOf(values, 'id')),
        ...timeOf(optionalOf(values, 'time')),
      }),
    ),
};

export const WEBHOOK_COMMANDS = [webhookSign];
