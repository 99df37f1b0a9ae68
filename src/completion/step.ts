// One step: of an upstream's answer, what the client sees at once, and what the loop needs when it is over.
import type { Chunk, ChunkChoice, Json, JsonObject, Message, Piece, Pieces, Usage } from '../openai/chat.ts';
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
  /** Last visible character of each choice's text in earlier steps, for the blank line between two texts (M4). */
  readonly lastCharacter: Map<number, string>;
}

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
  /** Visible pieces that wait for the end of the step. */
  readonly held: readonly ChunkChoice[];
  /** Members of delta and choice that are shown once, with the last step. */
  readonly structured: JsonObject;
  readonly rest: JsonObject;
}

/** A choice of which an upstream said nothing. */
export function silentChoice(index: number): StepChoice {
  const message: Message = { role: 'assistant', content: null };
  return { index, message, calls: [], finishReason: null, spoke: false, held: [], structured: {}, rest: {} };
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

/** One upstream answer, as it is read. */
export interface Step {
  /** What the client sees of some pieces of the answer. */
  readonly take: (pieces: Pieces) => Pieces;
  /** The answer is over: what the client sees of its end, and what the loop needs of it. */
  readonly end: () => { readonly visible: Pieces; readonly outcome: StepOutcome };
}

export function createStep(options: StepOptions): Step {
  const { answer } = options;
  const choices = new Map<number, StepChoiceState>();
  let usage: Usage | null = null;
  let id = '';
  let top: JsonObject = {};
  let waiting: JsonObject[] = [];
  // (Asserted, as it is set by functions alone: TypeScript would take it for null for ever.)
  let shown = null as Shown | null;

  function choiceOf({ index: said }: ChunkChoice): StepChoiceState {
    const index = options.choice ?? (Number.isInteger(said) && said >= 0 ? said : 0);
    const choice = choices.get(index) ?? createChoice(index, options);
    choices.set(index, choice);
    return choice;
  }

  /** What the client sees of a chunk. `source` is the one that later pieces will name as what they are like. */
  function show(chunk: Chunk, source: Chunk): Chunk[] {
    const visible: Chunk[] = [];
    shown = null;
    answer.learn(chunk);
    usage = usageOf(chunk) ?? usage;
    id ||= typeof chunk.id === 'string' ? chunk.id : '';
    const added = Array.isArray(chunk.choices) ? chunk.choices.filter(isJsonObject) : [];
    const unknown = unknownMembers(chunk);
    const nothingWaits = waiting.length === 0 && Object.keys(top).length === 0;
    if (added.length === 0 && unknown && !usageOf(chunk)) waiting.push(unknown);
    else if (unknown) top = { ...top, ...unknown };
    if (added.length > 0) {
      visible.push(...waiting.map((members) => answer.extra(members)));
      waiting = [];
    }
    for (const one of added) {
      const choice = choiceOf(one);
      const pieces = choice.add(one);
      if (choice.began())
        visible.push(...answer.open(choice.index, typeof one.delta?.content === 'string' ? '' : null));
      for (const piece of pieces) {
        visible.push(answer.delta(piece, top));
        top = {};
      }
      // The shortcut holds for chunks that became one visible chunk, with just their text and nothing that came before.
      const [to, further] = visible;
      const text = one.delta?.content;
      if (nothingWaits && to && !further && typeof text === 'string' && to.choices[0]?.delta.content === text)
        shown = { from: source, to, choice };
    }
    // What belongs to a swallowed piece must not reappear on another one.
    delete top['obfuscation'];
    return visible;
  }

  function take(pieces: Pieces): Pieces {
    const visible: Piece[] = [];
    for (const piece of pieces) {
      const like = isMoreText(piece) ? piece.like : piece;
      // The shortcut: the same chunk with other texts is shown as that chunk was, without looking at it again.
      if (isMoreText(piece) && shown?.from === like) {
        const text = piece.texts.join('');
        shown.choice.more(text);
        answer.more(shown.choice.index, text);
        visible.push({ ...piece, like: shown.to });
      } else for (const chunk of chunksOf(piece)) visible.push(...show(chunk, like));
    }
    return visible;
  }

  return {
    take,
    end() {
      const visible: Piece[] = waiting.map((members) => answer.extra(members));
      const ends: StepChoice[] = [];
      for (const choice of choices.values()) {
        const { visible: late, end } = choice.end();
        visible.push(...late.map((piece) => answer.delta(piece)));
        ends.push(end);
      }
      return { visible, outcome: { choices: ends, usage, id, top } };
    },
  };
}

/** Characters of text and arguments, to estimate tokens by when the upstream counts none (M9). */
export function charactersOf({ choices }: StepOutcome): number {
  return choices.reduce((sum, { message }) => sum + JSON.stringify(message).length, 0);
}

type StepChoiceState = ReturnType<typeof createChoice>;

/** Gathers one choice of a step. */
function createChoice(index: number, options: StepOptions) {
  const message: Message = { role: 'assistant', content: null };
  const assembler = new ToolCallAssembler(options.assembler);
  const structured: JsonObject = {};
  const held: ChunkChoice[] = [];
  let rest: JsonObject = {};
  let finishReason: string | null = null;
  let spoke = false;
  let begun = false;

  /** M4: a blank line between the texts of two steps, unless white space is there or log probabilities count it. */
  function separated(text: string, logprobs: Json | undefined): string {
    const before = spoke || options.holdText ? undefined : options.lastCharacter.get(index);
    options.lastCharacter.set(index, text.at(-1) ?? '');
    const apart = before === undefined || isBlank(before) || isBlank(text[0]) || isJsonObject(logprobs);
    return apart ? text : `\n\n${text}`;
  }

  /** Splits a delta into what is shown live and what is shown with the last step (M17). */
  function visibleParts(parts: JsonObject, logprobs: Json | undefined): JsonObject {
    const live: JsonObject = {};
    for (const [name, value] of Object.entries(parts)) {
      if (name === 'content') {
        if (typeof value === 'string' && value !== '') live[name] = separated(value, logprobs);
        else if (Array.isArray(value)) live[name] = value;
        spoke ||= live[name] !== undefined;
      } else if (typeof value === 'string') {
        if (value !== '') live[name] = value;
        spoke ||= name === 'refusal' && value !== '';
      } else if (name !== 'refusal') structured[name] = merge(structured[name], value);
    }
    return live;
  }

  return {
    index,
    /** Adds text that the shortcut has shown, without a chunk of its own. */
    more(text: string): void {
      message.content = `${message.content as string}${text}`;
      options.lastCharacter.set(index, text.at(-1) ?? '');
    },
    /** True once, at the first piece. */
    began(): boolean {
      const first = !begun;
      begun = true;
      return first;
    },
    add(choice: ChunkChoice): ChunkChoice[] {
      const { index: _index, delta, finish_reason, logprobs, ...others } = choice;
      const { role: _role, tool_calls, function_call, ...parts } = delta ?? {};
      addToMessage(message, parts);
      const live = visibleParts(parts, logprobs);
      const fragments = [
        ...(tool_calls ?? []),
        ...(isJsonObject(function_call) && !isEmptyCall(function_call) ? [{ function: function_call }] : []),
      ];
      const calls = options.ignoreCalls ? [] : assembler.add(fragments.filter(isJsonObject));
      // A6: some servers send late deltas; the finish chunk is ours and last.
      if (typeof finish_reason === 'string') finishReason = finish_reason;
      const shown = isJsonObject(logprobs) ? { logprobs } : {};
      const visible: ChunkChoice[] = [];
      if (Object.keys(live).length > 0) {
        // E14: what comes with the finish reason (`native_finish_reason`) is shown with the last step's alone.
        const finishing = typeof finish_reason === 'string';
        if (finishing) rest = { ...rest, ...others };
        const piece = { ...(finishing ? {} : others), index, delta: live, ...shown };
        if (options.holdText) held.push(piece);
        else visible.push(piece);
      } else rest = { ...rest, ...others, ...shown };
      if (calls.length > 0) visible.push({ index, delta: { tool_calls: calls } });
      return visible;
    },
    end(): { visible: ChunkChoice[]; end: StepChoice } {
      const { visible, calls } = assembler.end();
      if (calls.length > 0) message.tool_calls = calls.map(({ call }) => call);
      const end = { index, message, calls, finishReason, spoke, held, structured, rest };
      return { visible: visible.length > 0 ? [{ index, delta: { tool_calls: visible } }] : [], end };
    },
  };
}

/** A8: some servers send an empty `function_call` in every message. */
function isEmptyCall({ name, arguments: input }: JsonObject): boolean {
  return !name && !input;
}

/** Whether nothing has to be put before or behind the character to keep words apart (M4). */
export function isBlank(character: string | undefined): boolean {
  return character === undefined || character.trim() === '';
}
