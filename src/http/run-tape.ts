// What the doors of a run answered, kept for the run that takes over when it was cut (`wire.md` T5).
import { createHash, randomBytes } from 'node:crypto';
import { canonicalArguments } from '../completion/canonical.ts';
import type { Doors } from '../completion/run.ts';
import type { Chunk, Pieces, ToolCall, ToolResult, UpstreamAnswer } from '../openai/chat.ts';
import { chunksOf, GatheredPieces, isMoreText } from '../openai/more-text.ts';
import type { ChatRequest } from '../openai/request.ts';
import type { Tools } from './granted-tools.ts';
import { Overheard, type Hearer } from './overheard.ts';
import { createStepKey } from './step-key.ts';
import { nameOf, outcomesIn, type CallPlace, type TapePiece } from './tape-piece.ts';

/** The doors of one attempt at a run. The loop never learns that some of their answers are old. */
export interface TapedDoors extends Pick<Doors, 'ask' | 'call'> {
  /** That many alphanumerics, the same ones in each attempt. */
  readonly newId: (length: number) => string;
}

/** The doors behind the tape. */
export interface LiveDoors {
  readonly ask: Doors['ask'];
  readonly call: Tools['call'];
}

/** What the attempts at one run share. */
export interface RunTape {
  /**
   * Doors that answer from the tape what an earlier attempt was answered already, and go through to `live` for the
   * rest. `signal` ends the attempt.
   */
  readonly play: (live: LiveDoors, signal: AbortSignal) => TapedDoors;
  /** A plugin call that must not be repeated has left (T1). */
  readonly hadSideEffect: () => boolean;
  /** Unix seconds of the first attempt. */
  readonly created: number;
  /** Asks for room to keep that many characters. */
  readonly keep: (characters: number) => boolean;
  /** Resolves when no call is open that may have changed something. */
  readonly settled: () => Promise<void>;
}

/** The way from a tape to other replicas (T6). Nothing throws. */
export interface TapeLink {
  /** What an earlier run left that this one has to take up; `null`: nothing. Absent: that is known already. */
  readonly recall?: Promise<readonly TapePiece[] | null>;
  /** Keeps a piece, with no hurry. */
  readonly note: (piece: TapePiece) => void;
  /**
   * Keeps that a call is about to leave. `stays`: it must not, somebody else may have made it. `known`: what an earlier
   * run left, which only came to light now.
   */
  readonly leave: (
    piece: TapePiece,
    signal: AbortSignal,
  ) => Promise<{ readonly stays: boolean; readonly known: readonly TapePiece[] }>;
}

export interface TapeOptions {
  /** Asks for room; call results are kept without it, they are what must not be lost (T6). */
  readonly keep: (characters: number) => boolean;
  readonly link?: TapeLink | null;
  /** What an earlier run left at another replica. */
  readonly earlier?: readonly TapePiece[];
}

interface TapedCall {
  result: Promise<ToolResult>;
  /** It has left, and may have changed something: it runs to its end, whoever waits. */
  sideEffect: boolean;
}

/** Chunks of one upstream answer that may be kept. */
const maxChunks = 4_096;

/** Characters of all upstream answers of a run that may be kept. */
const maxStepCharacters = 1024 * 1024;

/** The answer of a call that an earlier run has made. */
class MadeBefore extends Error {
  readonly result: ToolResult;

  constructor(result: ToolResult) {
    super('the call has been made before');
    this.result = result;
  }
}

/** Makes a tape: empty, or with what an earlier run left. */
export function createRunTape(options: TapeOptions): RunTape {
  return new Tape(options);
}

/** A class, like `Play`: of thousands of live runs, closures would take more room than what they do. */
class Tape implements RunTape {
  readonly created: number;
  readonly #options: TapeOptions;
  /** As JSON text: it is what is counted and what replicas get, and few are ever played again. */
  readonly #steps = new Map<string, string>();
  readonly #calls = new Map<string, (TapedCall | undefined)[]>();
  /** Drawn at the first id, unless others have to know it: most runs need no id of ours. */
  #seed: Buffer | null;
  #sideEffect = false;
  #stepCharacters = 0;

  constructor(options: TapeOptions) {
    const { link, earlier = [] } = options;
    const begun = earlier.find((piece) => piece.kind === 'begun');
    this.#options = options;
    this.#seed = begun ? Buffer.from(begun.seed, 'base64') : link ? randomBytes(16) : null;
    this.created = begun?.created ?? Math.floor(Date.now() / 1000);
    if (!begun && this.#seed)
      link?.note({ kind: 'begun', seed: this.#seed.toString('base64'), created: this.created });
    this.load(earlier);
  }

  play(live: LiveDoors, signal: AbortSignal): TapedDoors {
    return new Play(this, live, signal);
  }

  keep(characters: number): boolean {
    return this.#options.keep(characters);
  }

  hadSideEffect(): boolean {
    return this.#sideEffect;
  }

  async settled(): Promise<void> {
    const open = [...this.#calls.values()]
      .flat()
      .flatMap((taped) => (taped?.sideEffect ? [taped.result] : []));
    await Promise.allSettled(open);
  }

  get link(): TapeLink | null {
    return this.#options.link ?? null;
  }

  get seed(): Buffer {
    return (this.#seed ??= randomBytes(16));
  }

  isEmpty(): boolean {
    return this.#steps.size === 0;
  }

  stepOf(key: string): string | undefined {
    return this.#steps.get(key);
  }

  keepStep(key: string, pieces: Pieces): void {
    const text = JSON.stringify(pieces.flatMap(chunksOf));
    if (this.#stepCharacters + text.length > maxStepCharacters || !this.keep(text.length)) return;
    this.#stepCharacters += text.length;
    this.#steps.set(key, text);
    this.link?.note({ kind: 'step', key, chunks: text });
  }

  /** The calls of a key so far. The model may have asked for the same call twice: each has its place. */
  placesOf(key: string): (TapedCall | undefined)[] {
    const places = this.#calls.get(key) ?? [];
    this.#calls.set(key, places);
    return places;
  }

  /** Takes over what an earlier run left, where this one has nothing yet. */
  load(left: readonly TapePiece[]): void {
    for (const piece of left) {
      if (piece.kind === 'step' && !this.#steps.has(piece.key)) this.#steps.set(piece.key, piece.chunks);
    }
    for (const { call, result, effect } of outcomesIn(left).values()) {
      this.#sideEffect ||= effect;
      this.placesOf(call.key)[call.place] ??= {
        sideEffect: effect,
        result: Promise.resolve(result ?? unknownOutcome()),
      };
    }
  }

  /** A call leaves. T6: other replicas know it before. Throws when it stays. Without replicas nothing is waited for. */
  leave(taped: TapedCall, call: CallPlace, signal: AbortSignal): void | Promise<void> {
    const { link } = this;
    if (!link) return this.hasLeft(taped);
    return this.#announce(link, call, signal).then(() => this.hasLeft(taped));
  }

  hasLeft(taped: TapedCall): void {
    taped.sideEffect = this.#sideEffect = true;
  }

  async #announce(link: TapeLink, call: CallPlace, signal: AbortSignal): Promise<void> {
    const { known, stays } = await link.leave({ kind: 'left', call }, signal);
    this.load(known);
    const before = outcomesIn(known).get(nameOf(call));
    if (before || stays) throw new MadeBefore(before?.result ?? unknownOutcome());
    if (!signal.aborted) return;
    link.note({ kind: 'stayed', call });
    throw signal.reason;
  }
}

/** The tape as one attempt plays and fills it. */
class Play implements TapedDoors {
  readonly #tape: Tape;
  readonly #live: LiveDoors;
  readonly #signal: AbortSignal;
  readonly #keyOf = createStepKey();
  readonly #seen = new Map<string, number>();
  /**
   * Complete answers whose calls have not begun; the last answer of a run has none, and is not kept. As functions: of a
   * JSON answer the pieces are made only then.
   */
  readonly #pending = new Map<string, () => Pieces>();
  #ids = 0;

  constructor(tape: Tape, live: LiveDoors, signal: AbortSignal) {
    this.#tape = tape;
    this.#live = live;
    this.#signal = signal;
  }

  async ask(request: ChatRequest, stop: AbortSignal): Promise<UpstreamAnswer> {
    const key = this.#keyOf(request);
    const known = this.#tape.stepOf(key);
    if (known !== undefined) return replay(known);
    const firstStep = this.#seen.size === 0 && this.#tape.isEmpty();
    const recall = firstStep ? this.#tape.link?.recall : undefined;
    if (recall) return this.#unlessRecalled(recall, key, request, stop);
    return this.#record(key, await this.#live.ask(request, stop));
  }

  async call(toolCall: ToolCall, stop: AbortSignal): Promise<ToolResult> {
    stop.throwIfAborted();
    for (const [key, pieces] of this.#pending) this.#tape.keepStep(key, pieces());
    this.#pending.clear();
    const { name, arguments: text } = toolCall.function;
    const key = `${name} ${canonicalArguments(text)}`;
    const places = this.#tape.placesOf(key);
    const place = this.#seen.get(key) ?? 0;
    this.#seen.set(key, place + 1);
    const taped = (places[place] ??= this.#send(toolCall, { key, place }, stop));
    return resultOf(taped, stop, this.#signal);
  }

  newId(length: number): string {
    return idOf(this.#tape.seed, (this.#ids += 1), length);
  }

  /** T6: the upstream is asked at once. What it says is heard when no earlier run is to be taken up in its place. */
  async #unlessRecalled(
    recall: NonNullable<TapeLink['recall']>,
    key: string,
    request: ChatRequest,
    stop: AbortSignal,
  ): Promise<UpstreamAnswer> {
    // (`any` is slow; this is the way of replicas alone.)
    const superseded = new AbortController();
    const fresh = this.#live.ask(request, AbortSignal.any([stop, superseded.signal]));
    fresh.catch(() => undefined);
    this.#tape.load((await recall) ?? []);
    const known = this.#tape.stepOf(key);
    if (known === undefined) return this.#record(key, await fresh);
    superseded.abort();
    return replay(known);
  }

  #record(key: string, answer: UpstreamAnswer): UpstreamAnswer {
    if (answer.whole) {
      this.#pending.set(key, () => answer.pieces.flat());
      return answer;
    }
    const { pieces } = answer;
    const recorded = new RecordedStep((kept) => this.#pending.set(key, () => kept));
    if (Symbol.asyncIterator in pieces) return { whole: null, pieces: new Overheard(pieces, recorded) };
    pieces.forEach((some) => recorded.hear(some));
    recorded.end();
    return answer;
  }

  /** Sends a call off. Until it may have changed something, the attempt's end is its end. */
  #send(toolCall: ToolCall, call: CallPlace, stop: AbortSignal): TapedCall {
    const tape = this.#tape;
    const own = new AbortController();
    // Its result is set below: the call needs it before.
    const taped: TapedCall = { sideEffect: false, result: Promise.resolve({ content: '' }) };
    const places = tape.placesOf(call.key);
    // Its own place alone: when an attempt that was cut learns of it late, the next one may have sent the call again.
    const forget = (): void => {
      if (places[call.place] === taped) places[call.place] = undefined;
    };
    const cancel = (): void => {
      if (taped.sideEffect) return;
      forget();
      own.abort(stop.reason);
    };
    stop.addEventListener('abort', cancel, { once: true });
    taped.result = this.#live
      .call(toolCall, own.signal, () => tape.leave(taped, call, own.signal))
      .then((result) => {
        tape.keep(result.content.length);
        tape.link?.note({ kind: 'result', call, result });
        return result;
      })
      .catch((error: unknown) => {
        if (error instanceof MadeBefore) {
          tape.hasLeft(taped);
          return error.result;
        }
        if (taped.sideEffect) return unknownOutcome();
        forget();
        throw error;
      })
      .finally(() => stop.removeEventListener('abort', cancel));
    taped.result.catch(() => undefined);
    return taped;
  }
}

/** The pieces of a step as they come, kept unless there are too many. */
class RecordedStep implements Hearer {
  readonly #onEnd: (kept: Pieces) => void;
  #gathered: GatheredPieces | null = new GatheredPieces();
  #chunks = 0;

  /** `onEnd` gets them when the step is over, unless there were too many. */
  constructor(onEnd: (kept: Pieces) => void) {
    this.#onEnd = onEnd;
  }

  hear(pieces: Pieces): void {
    for (const piece of pieces) this.#chunks += isMoreText(piece) ? piece.texts.length : 1;
    if (this.#chunks > maxChunks) this.#gathered = null;
    for (const piece of pieces) this.#gathered?.add(piece);
  }

  end(): void {
    if (this.#gathered) this.#onEnd(this.#gathered.pieces);
  }
}

function replay(step: string): UpstreamAnswer {
  return { whole: null, pieces: [JSON.parse(step) as Chunk[]] };
}

/** The result, or the end of the wait for it: of the whole attempt, or of its time for calls (K5). */
async function resultOf(taped: TapedCall, stop: AbortSignal, attempt: AbortSignal): Promise<ToolResult> {
  const stopped = Promise.withResolvers<ToolResult>();
  const leave = (): void => {
    if (taped.sideEffect && !attempt.aborted) stopped.resolve(unknownOutcome());
    else stopped.reject(stop.reason);
  };
  stop.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([taped.result, stopped.promise]);
  } finally {
    stop.removeEventListener('abort', leave);
  }
}

/** T5: nobody can say what came of it. */
function unknownOutcome(): ToolResult {
  const message =
    'The outcome of this call is unknown: it was sent and may have been carried out. Do not repeat it without asking the user.';
  return { content: JSON.stringify({ error: { code: 'outcome_unknown', retryable: false, message } }) };
}

function idOf(seed: Buffer, number: number, length: number): string {
  const letters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const bytes = createHash('sha256').update(seed).update(String(number)).digest().subarray(0, length);
  return Array.from(bytes, (byte) => letters[byte % letters.length]).join('');
}
