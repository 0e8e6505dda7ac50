import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020';
import { eventJsonSchemaOf } from '../../libs/webhooks/event-schemas';
import { findEventType } from '../../libs/webhooks/event-types';

/** The patterns of zod's schemas say what the formats would. */
const ajv = new Ajv2020({ allErrors: true, strict: true, validateFormats: false });
const validators = new Map<string, ValidateFunction>();

function validatorOf(type: unknown): ValidateFunction {
  const info = typeof type === 'string' ? findEventType(type) : null;
  if (info === null) throw new Error(`${JSON.stringify(type)} is not in the catalogue of event types`);
  let validator = validators.get(info.type);
  if (!validator) validators.set(info.type, (validator = ajv.compile(eventJsonSchemaOf(info))));
  return validator;
}

/**
 * Checks the body of a webhook, or an event of the feed, with the JSON Schema that partners read in the catalogue.
 * @throws Error that lists what does not fit
 */
export function expectKnownEvent(body: string | object): void {
  const event = (typeof body === 'string' ? JSON.parse(body) : body) as { type?: unknown };
  const validate = validatorOf(event.type);
  const fits: boolean = validate(event);
  if (!fits)
    throw new Error(
      `an event ${String(event.type)} does not fit its schema: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(event).slice(0, 2_000)}`,
    );
}
