// The pieces of a run as they go to other replicas: what a tape holds, and the answer (T5, T6).
import type { ForeignEnvelope } from '../errors.ts';
import type { ToolResult } from '../openai/chat.ts';

/** A call of a run: function with canonical arguments, and which of the equal ones. */
export interface CallPlace {
  readonly key: string;
  readonly place: number;
}

/** An answer as it can be given again. */
export interface KeptAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly said: readonly string[];
  /** What a client may see of the failure that ended it. */
  readonly failure: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: ForeignEnvelope;
  } | null;
}

export type TapePiece =
  /** What all attempts have in common. */
  | { readonly kind: 'begun'; readonly seed: string; readonly created: number }
  /** A complete answer of the upstream, its chunks as JSON. */
  | { readonly kind: 'step'; readonly key: string; readonly chunks: string }
  /** A call that must not be repeated leaves. */
  | { readonly kind: 'left'; readonly call: CallPlace }
  /** It did not leave in the end: its client had gone. */
  | { readonly kind: 'stayed'; readonly call: CallPlace }
  | { readonly kind: 'result'; readonly call: CallPlace; readonly result: ToolResult }
  | { readonly kind: 'answer'; readonly answer: KeptAnswer };

export function writePieces(pieces: readonly TapePiece[]): string[] {
  return pieces.map((piece) => JSON.stringify(piece));
}

export function readPieces(texts: readonly string[]): TapePiece[] {
  return texts.map((text) => JSON.parse(text) as TapePiece);
}

/** What became of a call. */
export interface CallOutcome {
  readonly call: CallPlace;
  /** `null`: nobody can say. */
  readonly result: ToolResult | null;
  /** It may have changed something. */
  readonly effect: boolean;
}

export function nameOf({ key, place }: CallPlace): string {
  return `${place} ${key}`;
}

/** The outcomes of calls, by their names. */
export function outcomesIn(pieces: readonly TapePiece[]): Map<string, CallOutcome> {
  const outcomes = new Map<string, CallOutcome>();
  for (const piece of pieces) {
    if (piece.kind === 'left')
      outcomes.set(nameOf(piece.call), { call: piece.call, result: null, effect: true });
    if (piece.kind === 'stayed') outcomes.delete(nameOf(piece.call));
    if (piece.kind !== 'result') continue;
    const { call, result } = piece;
    const effect = outcomes.get(nameOf(call))?.effect === true;
    outcomes.set(nameOf(call), { call, result, effect });
  }
  return outcomes;
}

/** The answer that ends a run, if it was kept. */
export function answerIn(pieces: readonly TapePiece[]): KeptAnswer | null {
  const last = pieces.findLast((piece) => piece.kind === 'answer');
  return last?.answer ?? null;
}
