import { applyDecorators } from '@nestjs/common';
import { ApiOperation, ApiResponse } from '@nestjs/swagger';
import type { z } from 'zod';

/** Documents an operation and its answers. Failures are added to every operation by openapi.ts. */
export const documented = (
  summary: string,
  answers: Readonly<Record<number, { description: string; schema?: z.ZodType }>>,
  description?: string,
): MethodDecorator =>
  applyDecorators(
    ApiOperation({ summary, ...(description === undefined ? {} : { description }) }),
    ...Object.entries(answers).map(([status, answer]) =>
      ApiResponse({
        status: Number(status),
        description: answer.description,
        ...(answer.schema === undefined ? {} : { standardSchema: answer.schema }),
      }),
    ),
  );
