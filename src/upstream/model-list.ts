// The models of several upstreams as one list: each model from the upstream that would be asked for it.
import { gatewayError, UpstreamError } from '../errors.ts';
import type { JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import type { AskContext } from './ask.ts';
import { envelopeOf, parseJson, readStart } from './failure.ts';
import type { Upstream, Upstreams } from './upstream.ts';

/** Lists the models as one OpenAI list. Throws what the first upstream says when none gives a list. */
export type ListModels = (context: Omit<AskContext, 'onAnswer'>, signal: AbortSignal) => Promise<JsonObject>;

type Failure = { readonly error: unknown };
type Model = JsonObject & { readonly id: string };
type Listed = { readonly models: readonly Model[] };

/** The slowest upstream must not keep the others' models from the client, in seconds. */
const patience = 10;

/** Bytes of one list; that of a reseller of models may have one MiB. */
const maxListBytes = 16 * 1024 * 1024;

/** Makes the list over all upstreams. `onFailure` hears which of them is left out. */
export function createModelList(
  { all, matching }: Upstreams,
  onFailure: (name: string, error: unknown) => void,
): ListModels {
  return async ({ headers, authorization }, signal) => {
    const until = AbortSignal.any([signal, AbortSignal.timeout(patience * 1000)]);
    const lists = await Promise.all(
      all.map(async (upstream): Promise<[Upstream, Listed | Failure]> => {
        // S3: the caller's own key is for the first upstream alone.
        const own = upstream === all[0] ? authorization : null;
        try {
          return [upstream, { models: await modelsOf(upstream, { headers, authorization: own }, until) }];
        } catch (cause) {
          signal.throwIfAborted();
          const error = until.aborted ? gatewayError('upstream_timeout', [upstream.name, patience]) : cause;
          onFailure(upstream.name, error);
          return [upstream, { error }];
        }
      }),
    );
    const known = new Map(lists.flatMap(([upstream, list]) => ('models' in list ? [[upstream, list]] : [])));
    const [first] = lists;
    if (known.size === 0 && first && 'error' in first[1]) throw first[1].error;
    const data = [...known].flatMap(([upstream, { models }]) =>
      models.filter(({ id }) => matching(id).find((one) => known.has(one)) === upstream),
    );
    return { object: 'list', data };
  };
}

async function modelsOf(
  upstream: Upstream,
  context: Omit<AskContext, 'onAnswer'>,
  signal: AbortSignal,
): Promise<Model[]> {
  const answer = await upstream.forward({ method: 'GET', path: '/models' }, context, signal);
  const text = await readStart(answer, maxListBytes);
  if (answer.status !== 200) {
    throw new UpstreamError(answer.status, envelopeOf(upstream.name, answer.status, text));
  }
  const list = parseJson(text);
  if (!isJsonObject(list) || !Array.isArray(list['data'])) {
    throw gatewayError('upstream_bad_answer', [upstream.name, 'it is not a list of models']);
  }
  return list['data'].filter(isModel);
}

function isModel(value: unknown): value is Model {
  return isJsonObject(value) && typeof value['id'] === 'string';
}
