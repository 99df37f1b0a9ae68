// One step: of an upstream's answer, what the client sees at once, and what the loop needs when it is over.
import type {
  Chunk,
  ChunkChoice,
  Json,
  JsonObject,
  Message,
  Piece,
  Pieces,
  ToolCallDelta,
  Usage,
} from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { chunksOf, isMoreText } from '../openai/more-text.ts';
import { unknownMembers, type Answer } from './answer.ts';
import { addToMessage, merge } from './fold.ts';
import { ToolCallAssembler, type AssembledCall, type AssemblerOptions } from './tool-calls.ts';
import { usageOf } from './usage.ts';

export interface StepOptions {
  readonly answer: Answer;
  readonly assembler: AssemblerOptions;
  /** Text is shown at the end of the step only, and only if the run ends with it (`response_format`, M4). */
  readonly holdText: boolean;
  /** Calls count as not made, whosever they are: the step was told to make none (M12). */
  readonly ignoreCalls: boolean;
  /** The choice of the client's answer that the upstream's only choice is; `null`: they are the same. */
  readonly choice: number | null;
  /** Last visible character of the choice's text in earlier steps, for the blank line between two texts (M4). */
  readonly lastCharacter: string | undefined;
}

/** Shared, as most streams have no members but those that everybody knows. */
const none: JsonObject = Object.freeze({});

/** OpenAI's bound of `n`. All choices below one are opened with it: an upstream must not open a billion. */
const maxChoices = 128;

/** What became of one choice. */
export interface StepChoice {
  readonly index: number;
  /** The assistant message as the upstream said it, calls included: it goes back verbatim (M17). */
  readonly message: Message;
  readonly calls: readonly AssembledCall[];
  /** As the upstream said it. */
  readonly finishReason: string | null;
  /** Text or a refusal came. */
  readonly spoke: boolean;
  /** Last visible character of its text, this step's or that of an earlier one. */
  readonly lastCharacter: string | undefined;
  /** Visible pieces that wait for the end of the step. */
  readonly held: readonly ChunkChoice[];
  /** Members of delta and choice that are shown once, with the last step. */
  readonly structured: JsonObject;
  readonly rest: JsonObject;
}

/** The next step of a choice of which an upstream said nothing. */
export function silentChoice({ index, lastCharacter }: StepChoice): StepChoice {
  return {
    index,
    message: { role: 'assistant', content: null },
    calls: [],
    finishReason: null,
    spoke: false,
    lastCharacter,
    held: [],
    structured: none,
    rest: none,
  };
}

/** What one step brought. */
export interface StepOutcome {
  readonly choices: readonly StepChoice[];
  readonly usage: Usage | null;
  /** The upstream's id of the answer; `""` when it has none. */
  readonly id: string;
  /** Unknown top-level members that no visible chunk has carried yet. */
  readonly top: JsonObject;
}

/** A shortcut: a chunk of text and what the client saw of it. Whatever differs from it in its text alone is shown alike. */
interface Shown {
  readonly from: Chunk;
  readonly to: Chunk;
  readonly choice: StepChoiceState;
}

/**
 * One upstream answer, as it is read. A class: thousands are live at once, and closures would cost each some 60 bytes a
 * function.
 */
export class Step {
  readonly #options: StepOptions;
  readonly #choices = new Map<number, StepChoiceState>();
  #usage: Usage | null = null;
  #id = '';
  #top = none;
  /**
   * Unknown top-level members of chunks without choices, until the client may see them. Late: most streams
   * have none.
   */
  #waiting: JsonObject[] | null = null;
  #shown: Shown | null = null;

  constructor(options: StepOptions) {
    this.#options = options;
  }

  /** What the client sees of some pieces of the answer. */
  take(pieces: Pieces): Pieces {
    const visible: Piece[] = [];
    for (const piece of pieces) {
      const like = isMoreText(piece) ? piece.like : piece;
      // The shortcut: the same chunk with other texts is shown as that chunk was, without looking at it again.
      if (isMoreText(piece) && this.#shown?.from === like) {
        const { choice, to } = this.#shown;
        const text = piece.texts.join('');
        choice.more(text);
        this.#options.answer.more(choice.index, text);
        visible.push({ ...piece, like: to });
      } else for (const chunk of chunksOf(piece)) visible.push(...this.#show(chunk, like));
    }
    return visible;
  }

  /** The answer is over: what the client sees of its end, and what the loop needs of it. */
  end(): { readonly visible: Pieces; readonly outcome: StepOutcome } {
    const visible: Piece[] = this.#waited();
    const choices: StepChoice[] = [];
    for (const choice of this.#choices.values()) {
      const { visible: late, end } = choice.end();
      visible.push(...late.map((piece) => this.#options.answer.delta(piece)));
      choices.push(end);
    }
    return { visible, outcome: { choices, usage: this.#usage, id: this.#id, top: this.#top } };
  }

  #choiceOf({ index: said }: ChunkChoice): StepChoiceState {
    const isPlace = Number.isInteger(said) && said >= 0 && said < maxChoices;
    const index = this.#options.choice ?? (isPlace ? said : 0);
    const choice = this.#choices.get(index) ?? new StepChoiceState(index, this.#options);
    this.#choices.set(index, choice);
    return choice;
  }

  /** What the client sees of a chunk. `source` is the one that later pieces will name as what they are like. */
  #show(chunk: Chunk, source: Chunk): Chunk[] {
    const { answer } = this.#options;
    const visible: Chunk[] = [];
    this.#shown = null;
    answer.learn(chunk);
    this.#usage = usageOf(chunk) ?? this.#usage;
    this.#id ||= typeof chunk.id === 'string' ? chunk.id : '';
    const added = Array.isArray(chunk.choices) ? chunk.choices.filter(isJsonObject) : [];
    const unknown = unknownMembers(chunk);
    const nothingWaits = this.#waiting === null && Object.keys(this.#top).length === 0;
    if (added.length === 0 && unknown && !usageOf(chunk)) (this.#waiting ??= []).push(unknown);
    else if (unknown) this.#top = { ...this.#top, ...unknown };
    if (added.length > 0) visible.push(...this.#waited());
    for (const one of added) {
      const choice = this.#choiceOf(one);
      const pieces = choice.add(one);
      if (choice.began())
        visible.push(...answer.open(choice.index, typeof one.delta?.content === 'string' ? '' : null));
      for (const piece of pieces) {
        visible.push(answer.delta(piece, this.#top));
        this.#top = none;
      }
      // The shortcut holds for chunks that became one visible chunk, with just their text and nothing that came before.
      const [to, further] = visible;
      const text = one.delta?.content;
      if (nothingWaits && to && !further && typeof text === 'string' && to.choices[0]?.delta.content === text)
        this.#shown = { from: source, to, choice };
    }
    // What belongs to a swallowed piece must not reappear on another one.
    delete this.#top['obfuscation'];
    return visible;
  }

  /** What waited, as the client sees it. */
  #waited(): Chunk[] {
    const chunks = this.#waiting?.map((members) => this.#options.answer.extra(members)) ?? [];
    this.#waiting = null;
    return chunks;
  }
}

/** Characters of text and arguments, to estimate tokens by when the upstream counts none (M9). */
export function charactersOf({ choices }: StepOutcome): number {
  return choices.reduce((sum, { message }) => sum + JSON.stringify(message).length, 0);
}

/** Gathers one choice of a step. */
class StepChoiceState {
  readonly index: number;
  readonly #options: StepOptions;
  readonly #message: Message = { role: 'assistant', content: null };
  // Made when something comes for them, which for most choices never does.
  #assembler: ToolCallAssembler | null = null;
  #structured: JsonObject | null = null;
  #held: ChunkChoice[] | null = null;
  #rest: JsonObject = none;
  #finishReason: string | null = null;
  #spoke = false;
  #lastCharacter: string | undefined;
  #begun = false;

  constructor(index: number, options: StepOptions) {
    this.index = index;
    this.#options = options;
    this.#lastCharacter = options.lastCharacter;
  }

  /** Adds text that the shortcut has shown, without a chunk of its own. */
  more(text: string): void {
    this.#message.content = `${this.#message.content as string}${text}`;
    this.#lastCharacter = text.at(-1) ?? '';
  }

  /** True once, at the first piece. */
  began(): boolean {
    const first = !this.#begun;
    this.#begun = true;
    return first;
  }

  add(choice: ChunkChoice): ChunkChoice[] {
    const { index } = this;
    const { index: _index, delta, finish_reason, logprobs, ...others } = choice;
    const { role: _role, tool_calls, function_call, ...parts } = delta ?? {};
    addToMessage(this.#message, parts);
    const live = this.#visibleParts(parts, logprobs);
    const fragments = [
      ...(Array.isArray(tool_calls) ? tool_calls : []),
      ...(isJsonObject(function_call) && !isEmptyCall(function_call) ? [{ function: function_call }] : []),
    ];
    const calls = this.#assemble(fragments.filter(isJsonObject));
    // A6: some servers send late deltas; the finish chunk is ours and last.
    if (typeof finish_reason === 'string') this.#finishReason = finish_reason;
    const shown = isJsonObject(logprobs) ? { logprobs } : {};
    const visible: ChunkChoice[] = [];
    if (Object.keys(live).length > 0) {
      // E14: what comes with the finish reason (`native_finish_reason`) is shown with the last step's alone.
      const finishing = typeof finish_reason === 'string';
      if (finishing) this.#rest = { ...this.#rest, ...others };
      const piece = { ...(finishing ? {} : others), index, delta: live, ...shown };
      if (this.#options.holdText) (this.#held ??= []).push(piece);
      else visible.push(piece);
    } else this.#rest = { ...this.#rest, ...others, ...shown };
    if (calls.length > 0) visible.push({ index, delta: { tool_calls: calls } });
    return visible;
  }

  end(): { visible: ChunkChoice[]; end: StepChoice } {
    const { visible, calls } = this.#assembler?.end() ?? { visible: [], calls: [] };
    if (calls.length > 0) this.#message.tool_calls = calls.map(({ call }) => call);
    const end: StepChoice = {
      index: this.index,
      message: this.#message,
      calls,
      finishReason: this.#finishReason,
      spoke: this.#spoke,
      lastCharacter: this.#lastCharacter,
      held: this.#held ?? [],
      structured: this.#structured ?? none,
      rest: this.#rest,
    };
    return {
      visible: visible.length > 0 ? [{ index: this.index, delta: { tool_calls: visible } }] : [],
      end,
    };
  }

  #assemble(fragments: readonly ToolCallDelta[]): ToolCallDelta[] {
    if (this.#options.ignoreCalls || fragments.length === 0) return [];
    this.#assembler ??= new ToolCallAssembler(this.#options.assembler);
    return this.#assembler.add(fragments);
  }

  /** M4: a blank line between the texts of two steps, unless white space is there or log probabilities count it. */
  #separated(text: string, logprobs: Json | undefined): string {
    const before = this.#spoke || this.#options.holdText ? undefined : this.#lastCharacter;
    this.#lastCharacter = text.at(-1) ?? '';
    const apart = before === undefined || isBlank(before) || isBlank(text[0]) || isJsonObject(logprobs);
    return apart ? text : `\n\n${text}`;
  }

  /** Splits a delta into what is shown live and what is shown with the last step (M17). */
  #visibleParts(parts: JsonObject, logprobs: Json | undefined): JsonObject {
    const live: JsonObject = {};
    for (const [name, value] of Object.entries(parts)) {
      if (name === 'content') {
        if (typeof value === 'string' && value !== '') live[name] = this.#separated(value, logprobs);
        else if (Array.isArray(value)) live[name] = value;
        this.#spoke ||= live[name] !== undefined;
      } else if (typeof value === 'string') {
        if (value !== '') live[name] = value;
        this.#spoke ||= name === 'refusal' && value !== '';
      } else if (name !== 'refusal') {
        this.#structured ??= {};
        this.#structured[name] = merge(this.#structured[name], value);
      }
    }
    return live;
  }
}

/** A8: some servers send an empty `function_call` in every message. */
function isEmptyCall({ name, arguments: input }: JsonObject): boolean {
  return !name && !input;
}

/** Whether nothing has to be put before or behind the character to keep words apart (M4). */
export function isBlank(character: string | undefined): boolean {
  return character === undefined || character.trim() === '';
}
