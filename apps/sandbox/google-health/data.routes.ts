import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { SandboxContext } from '../context';
import { indexAfter, sliceOf, type Slice, type Timed, type TimedStream } from '../timed-stream';
import type { GoogleHealthAccount } from '../store';
import { enter, SCOPE_OF_TYPE } from './caller';
import { exerciseListJson, exerciseReconcileJson } from './exercise-point';
import { type DataType, parseFilter, type PointFilter } from './filter';
import { readPageToken, writePageToken } from './page-token';
import { invalidArgument, notFound } from './refusals';
import { type Origin, weightListJson, weightReconcileJson } from './weight-point';

type Form = 'list' | 'reconcile';

const FAMILIES = ['all-sources', 'google-wearables', 'google-sources', 'self-sources'] as const;
type Family = (typeof FAMILIES)[number];

const PAGE_SIZES: Readonly<Record<DataType, { default: number; max: number }>> = {
  weight: { default: 1440, max: 10_000 },
  exercise: { default: 25, max: 25 },
};

const querySchema = z.object({
  filter: z.string().default(''),
  pageSize: z.coerce.number().int().min(0).default(0),
  pageToken: z.string().default(''),
  dataSourceFamily: z
    .templateLiteral(['users/me/dataSourceFamilies/', z.enum(FAMILIES)])
    .default('users/me/dataSourceFamilies/all-sources'),
});

interface Point extends Timed {
  readonly offsetS: number;
  readonly origin: Origin;
}

interface Params {
  user: string;
  dataType: string;
  id: string;
}

/** Lists, merged streams and single points of weight and exercise, after sheet §3 and §4. */
export function googleDataRoutes(app: FastifyInstance, context: SandboxContext): void {
  const base = '/google-health/v4/users/:user/dataTypes/:dataType/dataPoints';

  const page = (form: Form) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { dataType, account } = enterType(context, request);
    const body =
      dataType === 'weight'
        ? pageJson(request, dataType, form, account.weights, (p) =>
            form === 'list' ? weightListJson(p, account.id) : weightReconcileJson(p, account.id),
          )
        : pageJson(request, dataType, form, account.exercises, (p) =>
            form === 'list' ? exerciseListJson(p, account.id) : exerciseReconcileJson(p, account.id),
          );
    return sendJson(reply, body);
  };
  app.get(base, page('list'));
  // A doubled colon is a literal one in Fastify's router: `dataPoints:reconcile`.
  app.get(`${base}::reconcile`, page('reconcile'));

  app.get(`${base}/:id`, async (request, reply) => {
    const { dataType, account } = enterType(context, request);
    const { id } = request.params as Params;
    const json =
      dataType === 'weight'
        ? pointJson(account.weights, id, (p) => weightListJson(p, account.id))
        : pointJson(account.exercises, id, (p) => exerciseListJson(p, account.id));
    if (json === undefined) throw notFound();
    return sendJson(reply, json);
  });
}

function enterType(
  context: SandboxContext,
  request: FastifyRequest,
): { dataType: DataType; account: GoogleHealthAccount } {
  const { user, dataType } = request.params as Params;
  const known = dataType === 'weight' || dataType === 'exercise' ? dataType : null;
  const { account } = enter(context, request, known === null ? null : SCOPE_OF_TYPE[known]);
  if (user !== 'me') throw invalidArgument('Invalid user id in the request path, use "me".');
  if (known === null) throw invalidArgument(`Invalid data type: ${dataType}.`);
  return { dataType: known, account };
}

function pageJson<T extends Point>(
  request: FastifyRequest,
  dataType: DataType,
  form: Form,
  stream: TimedStream<T>,
  render: (point: T) => string,
): string {
  const parsed = querySchema.safeParse(request.query);
  if (!parsed.success)
    throw invalidArgument(`Invalid value at '${String(parsed.error.issues[0]?.path[0])}'.`);
  const { filter: filterText, pageToken } = parsed.data;
  const family = parsed.data.dataSourceFamily.slice('users/me/dataSourceFamilies/'.length) as Family;
  stream.noteRead();
  const { items, lo, hi } = select(stream, parseFilter(dataType, filterText), family);
  const sizes = PAGE_SIZES[dataType];
  const size = Math.min(parsed.data.pageSize === 0 ? sizes.default : parsed.data.pageSize, sizes.max);
  const query = `${dataType} ${form} ${family} ${filterText}`;
  const start = pageToken === '' ? lo : Math.max(lo, indexAfter(items, readPageToken(pageToken, query)));
  const points = items.slice(start, Math.min(hi, start + size));
  const last = points.at(-1);
  // An empty page is `{}`; with a family that has none of the account's sources it was seen as an empty list.
  if (last === undefined) return family === 'all-sources' ? '{}' : '{"dataPoints":[]}';
  const list = `{"dataPoints":[${points.map(render).join(',')}]`;
  // A full page always carries a token, so the page after it can be the empty last one.
  return points.length < size ? `${list}}` : `${list},"nextPageToken":"${writePageToken(last, query)}"}`;
}

const IN_FAMILY: Readonly<Record<Family, (origin: Origin) => boolean>> = {
  'all-sources': () => true,
  'google-wearables': (origin) => origin === 'scale',
  'google-sources': (origin) => origin !== 'health_connect',
  'self-sources': () => false,
};

/** Physical windows are found by binary search; civil windows and families are selected once and cached. */
function select<T extends Point>(stream: TimedStream<T>, filter: PointFilter, family: Family): Slice<T> {
  const { civil, physical } = filter;
  const isCivil = Number.isFinite(civil.fromMs) || Number.isFinite(civil.toMs);
  if (!isCivil && family === 'all-sources') return sliceOf(stream.items, physical.fromMs, physical.toMs);
  const items = stream.derive(`${family} ${civil.fromMs} ${civil.toMs}`, (point) => {
    const localMs = point.timeMs + point.offsetS * 1000;
    return IN_FAMILY[family](point.origin) && localMs >= civil.fromMs && localMs < civil.toMs;
  });
  return sliceOf(items, physical.fromMs, physical.toMs);
}

function pointJson<T extends Point>(
  stream: TimedStream<T>,
  id: string,
  render: (point: T) => string,
): string | undefined {
  stream.noteRead();
  const point = stream.get(id);
  return point === undefined ? undefined : render(point);
}

const sendJson = (reply: FastifyReply, text: string): FastifyReply =>
  reply.type('application/json; charset=UTF-8').send(text);
