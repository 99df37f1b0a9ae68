// One plugin call: arguments, request, answer, result. Whatever fails becomes a result that the model reads.
import type { PluginSettings } from '../config/schema.ts';
import type { Send } from '../egress/egress.ts';
import type { Json, ToolResult } from '../openai/chat.ts';
import type { Audit } from '../telemetry/audit.ts';
import type { Log } from '../telemetry/log.ts';
import { createMask } from '../telemetry/secrets.ts';
import { createArgumentReader } from './arguments.ts';
import { askPlugin } from './ask-plugin.ts';
import { createBreaker, type Breaker } from './breaker.ts';
import type { Credential } from './credential.ts';
import type { PluginFunction } from './function.ts';
import { planRequests, type BuildRequest, type BuiltRequest, type PluginRequest } from './request.ts';
import { errorResult, shapeResult } from './result.ts';
import { settleCredential } from './settled.ts';
import type { Plugin } from './snapshot.ts';

/** Performs one call. Rejects only with the signal's reason, when the run is over. */
export type CallPlugin = (
  fn: PluginFunction,
  plugin: Plugin,
  argumentsText: string,
  context: CallContext,
) => Promise<ToolResult>;

export interface CallContext {
  readonly consumer: { readonly name: string };
  readonly signal: AbortSignal;
  /** The function was sent as strict: a `null` in its arguments stands for what is left out (S8). */
  readonly strict?: boolean;
  /** Hears that a request which may change something is about to leave (`wire.md` T1). */
  readonly onSideEffect?: () => void | Promise<void>;
}

export interface PluginCallOptions {
  /** The way out of one plugin, with what it alone may reach. */
  readonly send: (plugin: string, allow: readonly string[]) => Send;
  readonly settings: Readonly<Record<string, PluginSettings>>;
  /** Characters of one result (`budget.resultCharacters`). */
  readonly resultCharacters: number;
  /** What no result may show besides the plugin's own credential (S5). */
  readonly secrets: readonly string[];
  readonly userAgent: string;
  readonly audit: Audit;
  readonly log: Log;
}

/** What a call came to. `status`: the plugin's, or the error code of a call without an answer. */
interface Outcome {
  readonly content: string;
  readonly status: number | string;
  readonly bytes: number;
}

/** What all calls of one plugin have in common; made at the first one. */
interface Callee {
  readonly plugin: Plugin;
  readonly send: Send;
  /** Milliseconds that a call may take (B15). */
  readonly timeout: number;
  readonly redirects: boolean;
  /** The way to the requests of a function of the plugin; `null`: each user has to log in. */
  readonly requestsOf: ((fn: PluginFunction) => BuildRequest) | null;
  /** Takes the secrets out of a text. */
  readonly mask: (text: string) => string;
}

/** One call while it is performed. */
interface Call {
  readonly fn: PluginFunction;
  readonly callee: Callee;
  readonly consumer: string;
  readonly breaker: Breaker;
  readonly options: PluginCallOptions;
}

const defaultTimeout = '45s';

/** Methods after which a repeated run does no harm (`wire.md` T1). */
const harmless = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Makes the function that performs plugin calls. */
export function createPluginCall(options: PluginCallOptions): CallPlugin {
  const readArguments = createArgumentReader();
  const breaker = createBreaker();
  const calleeOf = keepByKey((plugin: Plugin) => prepareCallee(plugin, options));

  return async (fn, plugin, argumentsText, { consumer, signal, strict = false, onSideEffect }) => {
    signal.throwIfAborted();
    const started = performance.now();
    const call: Call = { fn, callee: calleeOf(plugin), consumer: consumer.name, breaker, options };
    const read = await attempt(call, () => readArguments(fn, argumentsText, strict));
    signal.throwIfAborted();
    const given =
      'values' in read
        ? { values: Object.fromEntries(read.values), dropped: read.dropped.length }
        : { values: argumentsText, dropped: 0 };
    const built = 'values' in read ? await attempt(call, () => build(call, read.values)) : read;
    const finish = (outcome: Outcome, request: PluginRequest | null) =>
      conclude(call, given, outcome, request, performance.now() - started);

    if ('problem' in built) return finish(refused(built.problem), null);
    if (!breaker.admits(plugin.name)) return finish(refused(unavailable(plugin)), null);
    const { request } = built;
    if (harmless.has(request.method)) return finish(await perform(call, request, signal), request);
    const told = onSideEffect?.();
    if (told) await told;
    // W6: what may change something is not cut off in the middle; its outcome is recorded even if nobody waits for it.
    const unheard = new AbortController().signal;
    const done = perform(call, request, unheard).then((outcome) => finish(outcome, request));
    return unlessAborted(done, signal);
  };
}

function build({ fn, callee, consumer }: Call, values: ReadonlyMap<string, Json>): BuiltRequest {
  const { plugin, requestsOf } = callee;
  if (requestsOf === null) {
    const message = `The plugin ${plugin.name} needs each user to log in, which is not possible yet. Do not call it again.`;
    return { problem: errorResult('login_required', { retryable: false, message }) };
  }
  const header = plugin.manifest?.userIdHeader;
  const built = requestsOf(fn)(values, header ? { header, value: consumer } : null);
  if ('problem' in built || plugin.origins.includes(built.request.origin)) return built;
  // B14: origins are pinned when a plugin is loaded
  return { problem: errorResult('server_unknown', { retryable: false }) };
}

/** Sends the request and words its outcome. Throws the signal's reason alone. */
async function perform(call: Call, request: PluginRequest, signal: AbortSignal): Promise<Outcome> {
  const { fn, callee, options } = call;
  const { plugin, send, timeout: total, mask } = callee;
  const { log, resultCharacters: characters } = options;
  const repeatable = harmless.has(request.method);
  const redirects = callee.redirects ? fn.operation.server : null;
  const answer = await askPlugin(request, { send, total, repeatable, redirects }, signal);
  call.breaker.note(plugin.name, 'error' in answer && answer.down);
  if ('error' in answer) {
    const { code, error, down: _, ...told } = answer;
    log.warn('a plugin call failed', { plugin: plugin.name, function: fn.name, code, error });
    return { content: errorResult(code, told), status: code, bytes: 0 };
  }
  const { status, body } = answer;
  if (status === 401 || status === 403) {
    const answered = Buffer.from(body.subarray(0, 500)).toString();
    log.warn('a plugin refused its credential', { plugin: plugin.name, status, answered });
  }
  const shape = { characters, secrets: [], mask };
  const shaped = await attempt(call, () => ({
    content: shapeResult({ ...answer, method: request.method }, shape),
  }));
  return { content: 'content' in shaped ? shaped.content : shaped.problem, status, bytes: body.length };
}

/** A fault of ours costs the model one result, not the client its answer. */
async function attempt<T>(
  { fn, options }: Call,
  step: () => T | Promise<T>,
): Promise<T | { readonly problem: string }> {
  try {
    return await step();
  } catch (error) {
    options.log.error('a plugin call met a fault of the gateway', { function: fn.name, error });
    return { problem: errorResult('plugin_failed', { retryable: false }) };
  }
}

/** `45s`, `500ms`, `2m`: the schema of the configuration allows nothing else. */
function millisecondsOf(text: string): number {
  const unit = text.endsWith('ms') ? 1 : text.endsWith('m') ? 60_000 : 1000;
  return Number.parseInt(text, 10) * unit;
}

function prepareCallee(plugin: Plugin, options: PluginCallOptions): Callee {
  const { name, manifest, params, headers } = plugin;
  const settings = Object.hasOwn(options.settings, name) ? options.settings[name] : undefined;
  const credential = manifest && settleCredential(manifest, settings);
  const { userAgent } = options;
  const own = [...secretsOf(credential), headers.get('authorization')];
  return {
    plugin,
    send: options.send(name, settings?.egress ?? []),
    timeout: millisecondsOf(settings?.timeout ?? defaultTimeout),
    redirects: settings?.redirects ?? false,
    requestsOf: credential && keepByKey((fn) => planRequests(fn, { params, headers, credential, userAgent })),
    mask: createMask([...options.secrets, ...own.filter((secret) => typeof secret === 'string')]),
  };
}

/** Makes what belongs to a key at the first look, and keeps it as long as the key lives. */
function keepByKey<Key extends object, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new WeakMap<Key, Value>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}

function secretsOf(credential: Credential | null): (string | null)[] {
  return credential
    ? [credential.manifest?.value ?? null, credential.shared, ...credential.schemes.values()]
    : [];
}

/** F-P41: the model hears at once what it would hear after a wait. */
function unavailable({ name }: Plugin): string {
  const message = `The plugin ${name} could not be reached several times in a row; it is asked again in half a minute.`;
  return errorResult('plugin_unavailable', { retryable: true, message });
}

function refused(problem: string): Outcome {
  const { error } = JSON.parse(problem) as { error: { code: string } };
  return { content: problem, status: error.code, bytes: 0 };
}

/** The audit record and the result of a call that has ended. */
function conclude(
  { fn, consumer, options }: Call,
  given: { readonly values: Json; readonly dropped: number },
  outcome: Outcome,
  request: PluginRequest | null,
  milliseconds: number,
): ToolResult {
  const { content, status, bytes } = outcome;
  const { plugin, operation } = fn;
  const sideEffect = request !== null && !harmless.has(request.method);
  options.audit.pluginCall({
    consumer,
    plugin,
    operation: operation.id,
    function: fn.name,
    method: operation.method,
    origin: request?.origin ?? null,
    status,
    milliseconds,
    bytes,
    sideEffect,
  });
  const known = {
    plugin,
    operation: operation.id,
    arguments: given.values,
    ...(given.dropped > 0 && { dropped: given.dropped }),
    status,
  };
  return {
    content,
    call: { ...known, milliseconds: Math.round(milliseconds), result: content },
    ...(status === 'invalid_arguments' ? { badArguments: true } : {}),
  };
}

/** The value, or the signal's reason as soon as it aborts; what was going on then goes on unheard. */
async function unlessAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([value, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
