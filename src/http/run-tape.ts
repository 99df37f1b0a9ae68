// What the doors of a run answered, kept for the run that takes over when it was cut (`wire.md` T5).
import { createHash, randomBytes } from 'node:crypto';
import { canonicalArguments } from '../completion/canonical.ts';
import type { Doors } from '../completion/run.ts';
import type { Chunk, Pieces, PieceSource, ToolCall, ToolResult, UpstreamAnswer } from '../openai/chat.ts';
import { chunksOf, GatheredPieces, isMoreText } from '../openai/more-text.ts';
import type { ChatRequest } from '../openai/request.ts';
import type { Tools } from './granted-tools.ts';
import { overheard } from './overheard.ts';
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
export function createRunTape({ keep, link = null, earlier = [] }: TapeOptions): RunTape {
  /** As JSON text: it is what is counted and what replicas get, and few are ever played again. */
  const steps = new Map<string, string>();
  const calls = new Map<string, (TapedCall | undefined)[]>();
  const begun = earlier.find((piece) => piece.kind === 'begun');
  /** Drawn at the first id, unless others have to know it: most runs need no id of ours. */
  let seed = begun ? Buffer.from(begun.seed, 'base64') : link && randomBytes(16);
  const created = begun?.created ?? Math.floor(Date.now() / 1000);
  let sideEffect = false;
  let stepCharacters = 0;
  if (!begun && seed) link?.note({ kind: 'begun', seed: seed.toString('base64'), created });
  load(earlier);

  function keepStep(key: string, pieces: Pieces): void {
    const text = JSON.stringify(pieces.flatMap(chunksOf));
    if (stepCharacters + text.length > maxStepCharacters || !keep(text.length)) return;
    stepCharacters += text.length;
    steps.set(key, text);
    link?.note({ kind: 'step', key, chunks: text });
  }

  /** The calls of a key so far. The model may have asked for the same call twice: each has its place. */
  function placesOf(key: string) {
    const places = calls.get(key) ?? [];
    calls.set(key, places);
    return places;
  }

  /** Takes over what an earlier run left, where this one has nothing yet. */
  function load(left: readonly TapePiece[]): void {
    for (const piece of left) {
      if (piece.kind === 'step' && !steps.has(piece.key)) steps.set(piece.key, piece.chunks);
    }
    for (const { call, result, effect } of outcomesIn(left).values()) {
      sideEffect ||= effect;
      placesOf(call.key)[call.place] ??= {
        sideEffect: effect,
        result: Promise.resolve(result ?? unknownOutcome()),
      };
    }
  }

  /** T6: other replicas know that a call leaves before it does. Throws when it stays. */
  async function announce(link: TapeLink, call: CallPlace, signal: AbortSignal): Promise<void> {
    const { known, stays } = await link.leave({ kind: 'left', call }, signal);
    load(known);
    const before = outcomesIn(known).get(nameOf(call));
    if (before || stays) throw new MadeBefore(before?.result ?? unknownOutcome());
    if (!signal.aborted) return;
    link.note({ kind: 'stayed', call });
    throw signal.reason;
  }

  function play(live: LiveDoors, signal: AbortSignal): TapedDoors {
    const seen = new Map<string, number>();
    /**
     * Complete answers whose calls have not begun; the last answer of a run has none, and is not kept. As functions: of a
     * JSON answer the pieces are made only then.
     */
    const pending = new Map<string, () => Pieces>();
    const keyOf = createStepKey();
    let ids = 0;

    async function ask(request: ChatRequest, stop: AbortSignal): Promise<UpstreamAnswer> {
      const key = keyOf(request);
      const known = steps.get(key);
      if (known !== undefined) return replay(known);
      const firstStep = seen.size === 0 && steps.size === 0;
      const recall = firstStep ? link?.recall : undefined;
      return recall ? unlessRecalled(recall, key, request, stop) : record(key, await live.ask(request, stop));
    }

    /** T6: the upstream is asked at once. What it says is heard when no earlier run is to be taken up in its place. */
    async function unlessRecalled(
      recall: NonNullable<TapeLink['recall']>,
      key: string,
      request: ChatRequest,
      stop: AbortSignal,
    ): Promise<UpstreamAnswer> {
      // (`any` is slow; this is the way of replicas alone.)
      const superseded = new AbortController();
      const fresh = live.ask(request, AbortSignal.any([stop, superseded.signal]));
      fresh.catch(() => undefined);
      load((await recall) ?? []);
      const known = steps.get(key);
      if (known === undefined) return record(key, await fresh);
      superseded.abort();
      return replay(known);
    }

    function record(key: string, answer: UpstreamAnswer): UpstreamAnswer {
      if (!answer.whole) return { whole: null, pieces: listen(key, answer.pieces) };
      pending.set(key, () => answer.pieces.flat());
      return answer;
    }

    function listen(key: string, answer: PieceSource | readonly Pieces[]): PieceSource | readonly Pieces[] {
      let gathered: GatheredPieces | null = new GatheredPieces();
      let chunks = 0;
      const keepThem = (pieces: Pieces): void => {
        for (const piece of pieces) chunks += isMoreText(piece) ? piece.texts.length : 1;
        if (chunks > maxChunks) gathered = null;
        for (const piece of pieces) gathered?.add(piece);
      };
      const end = (): void => {
        const kept = gathered?.pieces;
        if (kept) pending.set(key, () => kept);
      };
      if (Symbol.asyncIterator in answer) return overheard(answer, keepThem, end);
      answer.forEach(keepThem);
      end();
      return answer;
    }

    /** Sends a call off. Until it may have changed something, the attempt's end is its end. */
    function send(toolCall: ToolCall, call: CallPlace, stop: AbortSignal): TapedCall {
      const own = new AbortController();
      const taped: TapedCall = { sideEffect: false, result: Promise.resolve({ content: '' }) };
      const places = placesOf(call.key);
      // Its own place alone: when an attempt that was cut learns of it late, the next one may have sent the call again.
      const forget = (): void => {
        if (places[call.place] === taped) places[call.place] = undefined;
      };
      const cancel = (): void => {
        if (taped.sideEffect) return;
        forget();
        own.abort(stop.reason);
      };
      const leaves = (): void => void (taped.sideEffect = sideEffect = true);
      stop.addEventListener('abort', cancel, { once: true });
      taped.result = live
        .call(toolCall, own.signal, () => (link ? announce(link, call, own.signal).then(leaves) : leaves()))
        .then((result) => {
          keep(result.content.length);
          link?.note({ kind: 'result', call, result });
          return result;
        })
        .catch((error: unknown) => {
          if (error instanceof MadeBefore) {
            leaves();
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

    return {
      ask,
      async call(toolCall, stop) {
        stop.throwIfAborted();
        for (const [key, pieces] of pending) keepStep(key, pieces());
        pending.clear();
        const { name, arguments: text } = toolCall.function;
        const key = `${name} ${canonicalArguments(text)}`;
        const places = placesOf(key);
        const place = seen.get(key) ?? 0;
        seen.set(key, place + 1);
        const taped = (places[place] ??= send(toolCall, { key, place }, stop));
        return resultOf(taped, stop, signal);
      },
      newId: (length) => idOf((seed ??= randomBytes(16)), (ids += 1), length),
    };
  }

  async function settled(): Promise<void> {
    const open = [...calls.values()].flat().flatMap((taped) => (taped?.sideEffect ? [taped.result] : []));
    await Promise.allSettled(open);
  }

  return { play, keep, hadSideEffect: () => sideEffect, created, settled };
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
