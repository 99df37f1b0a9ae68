// What each upstream can do with each model: the operator's word, what refusals taught, and a table (`wire.md` C1).
import { LRUCache } from 'lru-cache';
import type { CapabilityEntry, UpstreamConfig, UpstreamKind } from '../config/schema.ts';
import { defaultCapabilities, type Capabilities } from '../openai/capabilities.ts';
import { readMember, type ChatRequest } from '../openai/request.ts';
import { hasResponsesForm } from '../openai/responses-request.ts';
import { kindOf } from './kind.ts';
import { createModelMatcher } from './model-pattern.ts';

/** What is known of one upstream. */
export interface KnownCapabilities {
  /**
   * What holds for this request, as the client sent it. `tools: responses` is promised only when all of the request
   * can be said there; else it is `none` (C4).
   */
  readonly of: (request: ChatRequest) => Capabilities;
  /** Remembers for some milliseconds what a refusal has taught of the request's model (C2, C3). */
  readonly learn: (request: ChatRequest, tools: 'responses' | 'none', milliseconds: number) => void;
}

interface Row extends Partial<Capabilities> {
  readonly kind: UpstreamKind;
  readonly models?: readonly string[];
}

/** `wire.md` section 7. */
const table: readonly Row[] = [
  { kind: 'openai', models: ['gpt-5.4*', 'gpt-5.5*', 'gpt-5.6*'], tools: 'responses' },
  { kind: 'openai', models: ['gpt-5-chat-latest'], tools: 'none' },
  { kind: 'groq', jsonWithTools: 'deferred' },
  { kind: 'gemini', jsonWithTools: 'deferred' },
  { kind: 'vllm', jsonWithTools: 'deferred' },
  { kind: 'deepseek', models: ['deepseek-reasoner*'], toolChoice: 'auto' },
  { kind: 'moonshot', toolChoice: 'auto' },
  { kind: 'ollama', toolChoice: 'ignored' },
  { kind: 'lmstudio', toolChoice: 'strings' },
  { kind: 'mistral', toolCallIds: 'alphanumeric9' },
];

/** Models of which something is kept: their names are the client's to choose. */
const maxKept = 1_000;

/** Gathers what is known of one configured upstream. */
export function createCapabilities(config: UpstreamConfig): KnownCapabilities {
  const kind = kindOf(config);
  const saidByOperator = createLookup(config.capabilities ?? []);
  const saidByTable = createLookup(table.filter((row) => row.kind === kind));
  const learned = new LRUCache<string, 'responses' | 'none'>({ max: maxKept });
  return {
    of(request) {
      const name = modelOf(request);
      const operator = saidByOperator(name);
      const lesson = learned.get(name);
      const known = {
        ...defaultCapabilities,
        ...saidByTable(name),
        ...(lesson && { tools: lesson }),
        ...operator,
      };
      if (known.tools !== 'responses') return known;
      // Without reasoning these models take tools in chat; the operator's word needs no exception.
      if (!operator.tools && readMember(request, 'reasoning_effort') === 'none')
        return { ...known, tools: 'chat' };
      return hasResponsesForm(request) ? known : { ...known, tools: 'none' };
    },
    learn: (request, tools, ttl) => void learned.set(modelOf(request), tools, { ttl }),
  };
}

/** The model that a request names; `""` for none. */
export function modelOf(request: ChatRequest): string {
  const model = readMember(request, 'model');
  return typeof model === 'string' ? model : '';
}

type Said = Partial<Capabilities>;

/** Of the entries that match a model, the first that speaks of a capability decides it. */
function createLookup(entries: readonly (Row | CapabilityEntry)[]): (model: string) => Said {
  const rows = entries.map(({ models = ['*'], tools, toolChoice, jsonWithTools, toolCallIds }) => ({
    matches: createModelMatcher(models),
    said: {
      ...(tools && { tools }),
      ...(toolChoice && { toolChoice }),
      ...(jsonWithTools && { jsonWithTools }),
      ...(toolCallIds && { toolCallIds }),
    },
  }));
  const backwards = rows.toReversed();
  /** Each request asks several times, and the patterns never change. */
  const known = new LRUCache<string, Said>({ max: maxKept });
  return (model) => {
    const before = known.get(model);
    if (before) return before;
    const said: { -readonly [Name in keyof Said]: Said[Name] } = {};
    for (const row of backwards) if (row.matches(model)) Object.assign(said, row.said);
    known.set(model, said);
    return said;
  };
}
