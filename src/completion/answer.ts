// The chunks that the client sees: one id, one role, one finish reason, usage last, however many steps made them.
import type { Chunk, ChunkChoice, Delta, JsonObject, Usage } from '../openai/chat.ts';
import { textOf } from './park.ts';

export interface AnswerOptions {
  /** The model that the client asked for, shown while no upstream has said another. */
  readonly model: string;
  /** Whether the client asked for usage (a JSON answer always has it). */
  readonly includeUsage: boolean;
  /** Unix seconds of the run's start. */
  readonly created: number;
  /** That many random alphanumerics, for an upstream that sends no id. */
  readonly newId: (length: number) => string;
}

/** Makes the chunks of one run by the emission contract (`wire.md` E2 to E8, E10). */
export interface Answer {
  /** Learns id, model and the rest of the head from an upstream chunk; the first value that is not empty stands. */
  readonly learn: (chunk: Chunk) => void;
  /** Opens a choice, and those below it, with its role chunk; once. */
  readonly open: (index: number, content: '' | null) => Chunk[];
  /** A visible piece of an open choice. `top` are unknown top-level members of the upstream's chunk. */
  readonly delta: (choice: ChunkChoice, top?: JsonObject) => Chunk;
  /** A chunk without choices that carries something else (Azure's `prompt_filter_results`). */
  readonly extra: (top: JsonObject) => Chunk;
  /** The one finish chunk of a choice. */
  readonly finish: (choice: ChunkChoice, top: JsonObject) => Chunk;
  /** Adds text that the shortcut of a step has shown, without a chunk of its own. */
  readonly more: (index: number, text: string) => void;
  /** The text of a choice so far, as the client has it. */
  readonly textOf: (index: number) => string;
  /** The last chunk, if usage was asked for and is known. */
  readonly usage: (usage: Usage | null) => Chunk[];
}

/** The members of a chunk that the answer makes itself; all others are the upstream's and pass. */
const own = new Set([
  'id',
  'object',
  'created',
  'model',
  'system_fingerprint',
  'service_tier',
  'choices',
  'usage',
]);

/** The unknown top-level members of an upstream's chunk; `null` when there are none. */
export function unknownMembers(chunk: Chunk): JsonObject | null {
  const names = Object.keys(chunk).filter((name) => !own.has(name));
  return names.length === 0
    ? null
    : Object.fromEntries(names.map((name) => [name, chunk[name] as JsonObject]));
}

export function createAnswer(options: AnswerOptions): Answer {
  const head: JsonObject = { id: '', object: 'chat.completion.chunk', created: 0, model: '' };
  const opened = new Set<number>();
  const texts = new Map<number, string>();

  function settle(): JsonObject {
    head['id'] ||= `chatcmpl-${options.newId(24)}`;
    head['created'] ||= options.created;
    head['model'] ||= options.model;
    return head;
  }

  function chunk(choices: ChunkChoice[], top: JsonObject = {}): Chunk {
    const usage = options.includeUsage ? { usage: null } : {};
    return { ...top, ...settle(), choices, ...usage };
  }

  function more(index: number, text: string): void {
    texts.set(index, (texts.get(index) ?? '') + text);
  }

  return {
    learn(from) {
      for (const name of ['id', 'created', 'model', 'system_fingerprint', 'service_tier']) {
        const value = from[name];
        if (!head[name] && (typeof value === 'string' || typeof value === 'number') && value)
          head[name] = value;
      }
    },
    open(index, content) {
      const chunks: Chunk[] = [];
      for (let at = 0; at <= index; at += 1) {
        if (opened.has(at)) continue;
        opened.add(at);
        const delta: Delta = { role: 'assistant', content: at === index ? content : '', refusal: null };
        chunks.push(chunk([{ index: at, delta, finish_reason: null }]));
      }
      return chunks;
    },
    delta(choice, top) {
      const { content } = choice.delta;
      if (content) more(choice.index, textOf(content));
      return chunk([{ ...choice, finish_reason: null }], top);
    },
    extra: (top) => chunk([], top),
    finish: (choice, top) => chunk([choice], top),
    more,
    textOf: (index) => texts.get(index) ?? '',
    usage: (usage) => (options.includeUsage && usage ? [{ ...settle(), choices: [], usage }] : []),
  };
}
