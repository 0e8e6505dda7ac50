import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../../libs/core/errors';
import type { SandboxContext } from '../context';
import type { Timed } from '../timed-stream';
import { googleExerciseEditor, googleWeightEditor } from './google-records';
import { findAccount, readInput, readProvider } from './read-input';
import type { RecordEditor } from './record-editor';
import { stravaActivityEditor } from './strava-records';

interface Params {
  provider: string;
  account: string;
  stream: string;
  id: string;
}

const querySchema = z.strictObject({
  /** `false` changes the data without telling the subscribers: only polling finds it. */
  notify: z.enum(['true', 'false']).default('true'),
});

/** The operations on one stream of one account, with its record type closed over. */
interface StreamControl {
  truth(): Record<string, unknown>[];
  create(serial: number, body: unknown, notify: boolean): Record<string, unknown>;
  change(id: string, body: unknown, notify: boolean): Record<string, unknown>;
  remove(id: string, notify: boolean): Record<string, unknown>;
}

/** Truth, creation, edits and deletion of records under `/control`. */
export function controlRecordRoutes(app: FastifyInstance, context: SandboxContext): void {
  let serial = 0;
  const notifies = (query: unknown): boolean => readInput(querySchema, query).notify === 'true';

  app.get<{ Params: Params }>('/control/truth/:provider/:account/:stream', async (request) => {
    const records = controlOf(context, request.params).truth();
    return { count: records.filter((r) => r['deleted'] === false).length, records };
  });
  app.post<{ Params: Params }>('/control/records/:provider/:account/:stream', async (request, reply) => {
    const control = controlOf(context, request.params);
    return reply.code(201).send(control.create(serial++, request.body, notifies(request.query)));
  });
  app.patch<{ Params: Params }>('/control/records/:provider/:account/:stream/:id', async (request) =>
    controlOf(context, request.params).change(request.params.id, request.body, notifies(request.query)),
  );
  app.delete<{ Params: Params }>('/control/records/:provider/:account/:stream/:id', async (request) =>
    controlOf(context, request.params).remove(request.params.id, notifies(request.query)),
  );
}

function controlOf(context: SandboxContext, params: Params): StreamControl {
  const provider = readProvider(params.provider);
  if (provider === 'strava' && params.stream === 'activity') {
    const account = findAccount(context, provider, params.account);
    return streamControl(
      context,
      [account.name, account.id],
      provider,
      stravaActivityEditor(context, account),
    );
  }
  if (provider === 'google_health' && (params.stream === 'weight' || params.stream === 'activity')) {
    const account = findAccount(context, provider, params.account);
    const names = [account.name, account.id];
    return params.stream === 'weight'
      ? streamControl(context, names, provider, googleWeightEditor(context, account))
      : streamControl(context, names, provider, googleExerciseEditor(context, account));
  }
  throw new AppError('invalid_request', `${provider} has no stream "${params.stream}" in the sandbox`);
}

function streamControl<T extends Timed, Body>(
  context: SandboxContext,
  accountNames: readonly string[],
  provider: 'strava' | 'google_health',
  editor: RecordEditor<T, Body>,
): StreamControl {
  const { stream } = editor;
  const present = (id: string): T => {
    const item = stream.peek(id);
    if (item === undefined) throw new AppError('not_found', `there is no record ${id}`);
    return item;
  };
  return {
    truth: () => [
      ...stream.present().map((item) => editor.truthOf(item, false)),
      ...stream.deleted.map((item) => editor.truthOf(item, true)),
    ],
    create(serial, body, notify) {
      const made = editor.make(serial, readInput(editor.bodySchema, body));
      const target = { provider, path: '', isDataPath: false, accountNames };
      const hiding = notify ? context.faults.strike(['not_found_after_notify'], target) : undefined;
      if (hiding === undefined) stream.put(made);
      else if (hiding.delayMs === undefined) stream.putPending(made, 1, 0);
      else stream.putPending(made, 0, context.now() + hiding.delayMs);
      if (notify) editor.announceCreated(made);
      return editor.truthOf(made, false);
    },
    change(id, body, notify) {
      const before = present(id);
      const after = editor.change(before, readInput(editor.bodySchema, body));
      stream.put(after);
      if (notify) editor.announceChanged(before, after);
      return editor.truthOf(after, false);
    },
    remove(id, notify) {
      const gone = present(id);
      stream.remove(id);
      if (notify) editor.announceDeleted(gone);
      return editor.truthOf(gone, true);
    },
  };
}
