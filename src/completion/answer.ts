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

/**
 * Makes the chunks of one run by the emission contract (`wire.md` E2 to E8, E10). A class: thousands are live at once,
 * and closures would cost each some 60 bytes a function.
 */
export class Answer {
  readonly #options: AnswerOptions;
  readonly #head: JsonObject = { id: '', object: 'chat.completion.chunk', created: 0, model: '' };
  /** Of each choice that is open. */
  readonly #texts = new Map<number, string>();

  constructor(options: AnswerOptions) {
    this.#options = options;
  }

  /** Learns id, model and the rest of the head from an upstream chunk; the first value that is not empty stands. */
  learn(from: Chunk): void {
    for (const name of ['id', 'created', 'model', 'system_fingerprint', 'service_tier']) {
      const value = from[name];
      if (!this.#head[name] && (typeof value === 'string' || typeof value === 'number') && value)
        this.#head[name] = value;
    }
  }

  /** Opens a choice, and those below it, with its role chunk; once. */
  open(index: number, content: '' | null): Chunk[] {
    const chunks: Chunk[] = [];
    for (let at = 0; at <= index; at += 1) {
      if (this.#texts.has(at)) continue;
      this.#texts.set(at, '');
      const delta: Delta = { role: 'assistant', content: at === index ? content : '', refusal: null };
      chunks.push(this.#chunk([{ index: at, delta, finish_reason: null }]));
    }
    return chunks;
  }

  /** A visible piece of an open choice. `top` are unknown top-level members of the upstream's chunk. */
  delta(choice: ChunkChoice, top?: JsonObject): Chunk {
    const { content } = choice.delta;
    if (content) this.more(choice.index, textOf(content));
    return this.#chunk([{ ...choice, finish_reason: null }], top);
  }

  /** A chunk without choices that carries something else (Azure's `prompt_filter_results`). */
  extra(top: JsonObject): Chunk {
    return this.#chunk([], top);
  }

  /** The one finish chunk of a choice. */
  finish(choice: ChunkChoice, top: JsonObject): Chunk {
    return this.#chunk([choice], top);
  }

  /** Adds text that the shortcut of a step has shown, without a chunk of its own. */
  more(index: number, text: string): void {
    this.#texts.set(index, this.textOf(index) + text);
  }

  /** The text of a choice so far, as the client has it. */
  textOf(index: number): string {
    return this.#texts.get(index) ?? '';
  }

  /** The last chunk, if usage was asked for and is known. */
  usage(usage: Usage | null): Chunk[] {
    return this.#options.includeUsage && usage ? [{ ...this.#settle(), choices: [], usage }] : [];
  }

  #settle(): JsonObject {
    this.#head['id'] ||= `chatcmpl-${this.#options.newId(24)}`;
    this.#head['created'] ||= this.#options.created;
    this.#head['model'] ||= this.#options.model;
    return this.#head;
  }

  #chunk(choices: ChunkChoice[], top: JsonObject = {}): Chunk {
    const usage = this.#options.includeUsage ? { usage: null } : {};
    return { ...top, ...this.#settle(), choices, ...usage };
  }
}
