// Everything about one chat request, gathered before it runs: who, which upstream, which tools, which history.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Consumer } from '../access/consumer.ts';
import { answersIn, restoreSteps, type KeptSteps } from '../completion/continuity.ts';
import { inject, noneMissing, type Injected } from '../completion/inject.ts';
import { fromLegacy, isLegacy } from '../completion/legacy.ts';
import { historyCallIds, readMessages, reinsert, type ParkedPart } from '../completion/park.ts';
import type { Doors } from '../completion/run.ts';
import { gatewayError } from '../errors.ts';
import type { Capabilities } from '../openai/capabilities.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import { memberText, readMember, withMembers, type ChatRequest } from '../openai/request.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tools } from './granted-tools.ts';
import { readChatRequest } from './request-body.ts';

/** What an upstream is told of the client. */
export interface ClientContext {
  readonly headers: FastifyRequest['headers'];
  /** The caller's own, for an upstream without a key. */
  readonly authorization: string | null;
}

/** What the steps of a run are asked with. */
export interface UpstreamContext extends ClientContext {
  /** Gets the headers to copy into our answer, and the upstream's request id, at each of its answers (`wire.md` F6). */
  readonly onAnswer: (headers: Readonly<Record<string, string>>, requestId: string | null) => void;
  /** The member `tools` for an upstream that takes over and wants it in another form; absent: they are the client's. */
  readonly toolsIn?: ToolsIn | undefined;
}

/** The text of a request's `tools`, in the form of another upstream. */
type ToolsIn = (form: FunctionForm) => string | undefined;

/** An answer that goes through as it is. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The upstream that serves a model. */
export interface ChatUpstream {
  readonly name: string;
  /** What it can do with a request, and a way to teach it better (`wire.md` C1). */
  readonly capabilities: {
    readonly of: (request: ChatRequest) => Capabilities;
    readonly learn: (request: ChatRequest, tools: 'none', milliseconds: number) => void;
  };
  /** The form in which it takes functions (`openapi.md` S9). */
  readonly form: FunctionForm;
  readonly ask: (context: UpstreamContext) => Doors['ask'];
  /** The client's bytes, or a request put together here; `null` for an upstream that lives in this process. */
  readonly forward:
    | ((body: ChatRequest | Buffer, context: ClientContext, signal: AbortSignal) => Promise<PlainAnswer>)
    | null;
}

/** Who may use what, and where hidden history is kept. */
export interface ExchangeOptions {
  readonly log: Log;
  readonly consumerOf: (request: FastifyRequest) => Consumer;
  readonly upstreamOf: (model: string, request: ChatRequest, requestId: string) => ChatUpstream | null;
  /** `narrowing`: `x-plugins` and `metadata.plugins`, each narrowing further. */
  readonly toolsFor: (consumer: Consumer, narrowing: readonly string[], upstream: ChatUpstream) => Tools;
  readonly parked: Shelf<ParkedPart>;
  /** Plugin calls of earlier answers; `null`: they are not kept (`wire.md` M18). */
  readonly steps: Shelf<KeptSteps> | null;
}

/** Hidden history, by consumer and id. */
interface Shelf<Part> {
  readonly put: (partition: string, ids: readonly string[], part: Part) => Promise<void>;
  /** The parts of each id, oldest first. */
  readonly find: (partition: string, ids: readonly string[]) => Promise<ReadonlyMap<string, readonly Part[]>>;
}

/** Everything about one request, gathered before the run starts. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly consumer: Consumer;
  readonly upstream: ChatUpstream;
  readonly client: ChatRequest;
  readonly legacy: boolean;
  readonly injected: Injected;
  /** What was injected, for another upstream. */
  readonly toolsIn: ToolsIn;
  readonly tools: Tools;
  readonly context: ClientContext;
  readonly model: string;
  /** Passes the request on as it is, when nothing was injected; `null`: it needs a run. */
  readonly plain: ((signal: AbortSignal) => Promise<PlainAnswer>) | null;
  /** The same request without what was injected, for an upstream that refuses it (`wire.md` C3). */
  readonly bare: Injected;
}

/** Reads the request, finds who may use what, puts hidden history back, injects. */
export async function prepareExchange(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ExchangeOptions,
): Promise<Exchange> {
  // One request on its way: sent, client (without our metadata), modern (no legacy form), restored (parked parts put
  // back), remembered (plugin calls of earlier answers too), offered (with functions), injected (that, or restored).
  const consumer = options.consumerOf(request);
  const { request: sent, messages } = readChatRequest(request.body as Buffer);
  const model = readMember(sent, 'model');
  const name = typeof model === 'string' ? model : '';
  const upstream = options.upstreamOf(name, sent, request.id);
  if (!upstream) throw gatewayError('model_not_found', [name.slice(0, 100)], { param: 'model' });

  const { narrowing, client } = takeNarrowing(request, sent);
  const tools = options.toolsFor(consumer, narrowing, upstream);
  if (tools.unknown.length > 0) reply.header('x-plugins-unknown', headerText(tools.unknown));
  const legacy = isLegacy(client);
  const modern = legacy ? fromLegacy(client) : client;
  const origin = { upstream: upstream.name, model: name };
  const ids = historyCallIds(legacy ? readMessages(modern) : messages);
  const parts = ids.length === 0 ? new Map() : await options.parked.find(consumer.partition, ids);
  const restored = reinsert(modern, parts, origin);
  if (ids.length > 0)
    options.log.debug('parked parts', { requestId: request.id, asked: ids.length, found: parts.size }); // P7
  // Q2: with both generations of the interface at once, nobody can tell whose answer is meant.
  const both = client.members.has('functions') && client.members.has('tools');
  const mayInject = !both && upstream.capabilities.of(restored).tools !== 'none';
  const answers = mayInject && options.steps ? answersIn(messages) : new Map<number, string>();
  const kept = answers.size > 0 ? await findSteps(consumer, answers, options) : new Map<number, KeptSteps>();
  const remembered = kept.size === 0 ? restored : reinsert(restoreSteps(modern, kept, origin), parts, origin);
  const offered = mayInject
    ? inject(remembered, tools.injection(upstream.form))
    : { names: new Set<string>(), clientTools: new Set<string>(), missing: noneMissing };
  const { hidden, leftOut } = offered.missing;
  if (hidden + leftOut > 0) {
    options.log.info('functions not offered', { requestId: request.id, hidden, leftOut });
  }
  // Calls in the history make sense beside their functions only.
  const injected = { request: restored, ...offered, ...(offered.names.size === 0 && { request: restored }) };
  // Every stage gives back the same object when it changes nothing: then the client's bytes go on as they came.
  const untouched = injected.names.size === 0 && restored === modern;
  const context: ClientContext = { headers: request.headers, authorization: consumer.authorization };
  // A legacy client whose history was put back speaks tools upstream: its answer has to be translated.
  const needsRun = injected.names.size > 0 || (legacy && !untouched);
  const unrestored = client === sent ? (request.body as Buffer) : client;
  const body = restored === modern ? unrestored : restored;
  return {
    request,
    consumer,
    upstream,
    client,
    legacy,
    injected,
    toolsIn: (form) => memberText(inject(remembered, tools.injection(form)).request, 'tools'),
    tools,
    context,
    model: name,
    // Bound: an arrow would hold all that this function knows for as long as the answer flows.
    plain: needsRun ? null : (upstream.forward?.bind(upstream, body, context) ?? null),
    bare: { ...injected, request: restored, names: new Set() },
  };
}

/** M18: what earlier answers of this conversation hide, by the places of the answers. */
async function findSteps(
  { partition }: Consumer,
  answers: ReadonlyMap<number, string>,
  { steps }: ExchangeOptions,
): Promise<Map<number, KeptSteps>> {
  const found = await steps?.find(partition, [...answers.values()]);
  return new Map(
    [...answers].flatMap(([place, id]) => {
      const newest = found?.get(id)?.at(-1);
      return newest ? [[place, newest] as const] : [];
    }),
  );
}

/** Names as a header may hold them: what a client called a plugin can be any text. */
function headerText(names: readonly string[]): string {
  return encodeURI(names.join(',').slice(0, 1_000).toWellFormed());
}

/** The narrowing of this request; `metadata.plugins` is ours and goes no further (`architecture.md` section 6). */
function takeNarrowing(
  request: FastifyRequest,
  sent: ChatRequest,
): { narrowing: string[]; client: ChatRequest } {
  const header = request.headers['x-plugins'];
  const narrowing = header === undefined ? [] : [String(header)];
  const metadata = readMember(sent, 'metadata');
  if (!isJsonObject(metadata) || typeof metadata['plugins'] !== 'string') return { narrowing, client: sent };
  const { plugins, ...rest } = metadata;
  const text = Object.keys(rest).length === 0 ? undefined : JSON.stringify(rest);
  return { narrowing: [...narrowing, plugins], client: withMembers(sent, { metadata: text }) };
}
