import { StandardSchemaValidationPipe } from '@nestjs/common';
import { AppError } from '../../../libs/core/errors';

const MAX_LISTED = 20;

interface SchemaIssue {
  message: string;
  path?: readonly (PropertyKey | { key: PropertyKey })[] | undefined;
  /** zod's list of the fields that must not be there. */
  keys?: readonly string[];
}

function namesOf(issue: SchemaIssue): string[] {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return (issue.keys ?? [null]).map((key) => (key === null ? path : [...path, key]).join('.'));
}

/** Checks bodies and queries against the zod schema at the parameter; the failure lists the fields. */
export const validationPipe = (): StandardSchemaValidationPipe =>
  new StandardSchemaValidationPipe({
    exceptionFactory: (issues: readonly SchemaIssue[]) => {
      const fields = issues
        .flatMap((issue) => namesOf(issue).map((field) => ({ field, message: issue.message })))
        .slice(0, MAX_LISTED);
      const [first] = fields;
      const where = first?.field ? `${first.field}: ` : '';
      return new AppError('invalid_request', `${where}${first?.message ?? 'not valid'}`, {
        details: { fields },
      });
    },
  });
