import type { FastifyInstance } from 'fastify';

/** Form fields by name; a repeated field is a list. */
type FormFields = Record<string, string | string[]>;

function parseForm(text: string): FormFields {
  const fields: FormFields = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const present = fields[name];
    if (present === undefined) fields[name] = value;
    else fields[name] = Array.isArray(present) ? [...present, value] : [present, value];
  }
  return fields;
}

/** Lets routes of this scope read `application/x-www-form-urlencoded` bodies, as OAuth endpoints must. */
export function acceptForms(app: FastifyInstance): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, parseForm(String(body))),
  );
}
