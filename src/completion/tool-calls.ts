// Assembles the tool calls of one choice from whatever fragments an upstream sends, and decides whose they are.
import type { Json, JsonObject, ToolCall, ToolCallDelta } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';

/** Whose a call is: the gateway runs its own, the client gets its own, nobody knows an unknown name. */
export type Owner = 'gateway' | 'client' | 'unknown';

/** A complete call. `call` goes back upstream as it came, with a legal id. */
export interface AssembledCall {
  readonly call: ToolCall;
  readonly owner: Owner;
}

export interface AssemblerOptions {
  /** Whose function has exactly this name; `unknown` when nobody's. */
  readonly ownerOf: (name: string) => Owner;
  /** An unknown name is the client's to judge, because it sent tools of its own (`wire.md` M8). */
  readonly clientHasTools: boolean;
  /** A fresh id of 9 alphanumerics, valid at every upstream (`wire.md` A3, P4). */
  readonly newId: () => string;
  /** Ids seen in this run: one that comes again is replaced. */
  readonly usedIds: Set<string>;
}

interface OpenCall {
  readonly upstreamIndex: number | undefined;
  readonly custom: boolean;
  upstreamId: string;
  id: string;
  name: string;
  input: string;
  readonly extra: JsonObject;
  readonly functionExtra: JsonObject;
  owner: Owner | null;
  /** Place among the calls that the client sees; -1 while it sees nothing of it. */
  visibleIndex: number;
  shown: number;
}

/**
 * Assembles by `wire.md` A1 to A8: survives missing and repeated ids, indexes, names and types, and whole calls in one
 * chunk.
 */
export class ToolCallAssembler {
  readonly #options: AssemblerOptions;
  readonly #calls: OpenCall[] = [];
  #visibleCalls = 0;

  constructor(options: AssemblerOptions) {
    this.#options = options;
  }

  /** Takes fragments, tells what of them the client may see now. */
  add(fragments: readonly ToolCallDelta[]): ToolCallDelta[] {
    const fresh = new Set<OpenCall>();
    return fragments.flatMap((fragment) => {
      const name = nameOf(fragment);
      let call = findCall(this.#calls, fragment, name, fresh);
      if (!call) {
        const latest = this.#calls.at(-1);
        if (latest) this.#decide(latest);
        call = openCall(fragment);
        this.#calls.push(call);
        fresh.add(call);
      }
      this.#take(call, fragment, name);
      return this.#show(call);
    });
  }

  /** What the client may see at the end, and all calls in order of appearance. */
  end(): { visible: ToolCallDelta[]; calls: AssembledCall[] } {
    const visible: ToolCallDelta[] = [];
    for (const call of this.#calls) {
      this.#decide(call);
      this.#settleId(call);
      if (call.input === '' && !call.custom) call.input = '{}';
      visible.push(...this.#show(call));
    }
    return {
      visible,
      calls: this.#calls.map((call) => ({
        call: wireCall(call, call.input),
        owner: call.owner ?? 'unknown',
      })),
    };
  }

  #take(call: OpenCall, fragment: ToolCallDelta, name: string): void {
    const { id, index: _index, type: _type, function: called, custom, ...extra } = fragment;
    if (id && call.upstreamId === '') call.upstreamId = id;
    Object.assign(call.extra, extra);
    const body = (call.custom ? custom : called) ?? {};
    const { name: _name, arguments: input, input: customInput, ...functionExtra } = body as JsonObject;
    Object.assign(call.functionExtra, functionExtra);
    if (call.input === '' && call.owner === null && name !== call.name) call.name += name;
    call.input += textOf(call.custom ? customInput : input);
    if (call.custom || call.input !== '' || this.#options.ownerOf(call.name) !== 'unknown')
      this.#decide(call);
  }

  /** Settles whose call it is, for good. */
  #decide(call: OpenCall): void {
    if (call.owner !== null) return;
    call.owner = call.custom ? 'client' : this.#options.ownerOf(call.name);
    if (call.owner === 'unknown' && this.#options.clientHasTools) call.owner = 'client';
  }

  /** P4, A3: the upstream's id, unless it is missing, too long for others, or was used before in this run. */
  #settleId(call: OpenCall): void {
    if (call.id !== '') return;
    const { upstreamId } = call;
    const { usedIds } = this.#options;
    const usable = upstreamId !== '' && upstreamId.length <= 40 && !usedIds.has(upstreamId);
    call.id = usable ? upstreamId : this.#options.newId();
    usedIds.add(call.id);
  }

  /** What the client may see of a call and has not seen. */
  #show(call: OpenCall): ToolCallDelta[] {
    if (call.owner !== 'client') return [];
    const added = call.input.slice(call.shown);
    call.shown = call.input.length;
    if (call.visibleIndex < 0) {
      this.#settleId(call);
      call.visibleIndex = this.#visibleCalls++;
      return [{ index: call.visibleIndex, ...wireCall(call, added) }];
    }
    if (added === '') return [];
    const part = call.custom ? { custom: { input: added } } : { function: { arguments: added } };
    return [{ index: call.visibleIndex, ...part }];
  }
}

/**
 * A1, A2: the call that a fragment belongs to, `undefined` when it begins a new one. `fresh` are the calls begun by
 * the same chunk: a chunk never continues what it began itself, unless the id or the index says so.
 */
function findCall(
  calls: readonly OpenCall[],
  { id, index }: ToolCallDelta,
  name: string,
  fresh: ReadonlySet<OpenCall>,
): OpenCall | undefined {
  const latest = calls.at(-1);
  const atIndex =
    typeof index === 'number' ? calls.findLast((call) => call.upstreamIndex === index) : undefined;
  if (id) {
    const same = calls.findLast((call) => call.upstreamId === id);
    // The same id on another index with a name and complete arguments before it: a server that repeats ids.
    if (same) return name !== '' && same.input !== '' && index !== same.upstreamIndex ? undefined : same;
    return atIndex?.upstreamId === '' ? atIndex : undefined;
  }
  if (typeof index === 'number') return atIndex ?? (name === '' ? latest : undefined);
  if (name !== '' && latest && (latest.input !== '' || fresh.has(latest))) return undefined;
  return latest;
}

function openCall(fragment: ToolCallDelta): OpenCall {
  return {
    upstreamIndex: fragment.index,
    custom: isCustom(fragment),
    upstreamId: '',
    id: '',
    name: '',
    input: '',
    extra: {},
    functionExtra: {},
    owner: null,
    visibleIndex: -1,
    shown: 0,
  };
}

/** A call in the form of the wire. */
function wireCall(call: OpenCall, input: string): ToolCall {
  const body = call.custom
    ? { custom: { ...call.functionExtra, name: call.name, input } }
    : { function: { ...call.functionExtra, name: call.name, arguments: input } };
  return { ...call.extra, id: call.id, type: call.custom ? 'custom' : 'function', ...body } as ToolCall;
}

/** Some servers send an empty `custom` beside every `function`, and the other way round. */
function isCustom({ type, function: called, custom }: ToolCallDelta): boolean {
  return isJsonObject(custom) && (type === 'custom' || !called?.name);
}

function nameOf(fragment: ToolCallDelta): string {
  const custom = fragment['custom'];
  const name = isCustom(fragment) && isJsonObject(custom) ? custom['name'] : fragment.function?.name;
  return typeof name === 'string' ? name : '';
}

/** A5: arguments are text; a server that sends them as a value gets them written once. */
function textOf(input: Json | undefined): string {
  if (input === undefined || input === null) return '';
  return typeof input === 'string' ? input : JSON.stringify(input);
}
