// Reads the events, or the one JSON body, of an upstream's answer as chunks; here as chat completions send them.
import type { Chunk, ChunkChoice, JsonObject } from './chat.ts';
import { isJsonObject } from './exact-json.ts';
import { TextFinder, type FoundText } from './more-text.ts';
import { unfold } from './unfold.ts';

/** Reads one answer, one parsed object at a time. */
export interface AnswerReader {
  /** The longest event that makes sense (D3). */
  readonly maxEventBytes: number;
  /** What can be told of a stream without a parser, from this place on. */
  readonly more: (stream: string, at: number) => FoundText | null;
  /** The chunks that an event of a stream brings; `data` is the text of `value`. */
  readonly event: (value: JsonObject, data: string) => Chunk[];
  /** The chunks of a whole answer. */
  readonly whole: (value: JsonObject) => Chunk[];
  /** The failure that an event or an answer of status 200 carries (`wire.md` A9), `null` when it carries none. */
  readonly failure: (value: JsonObject) => JsonObject | null;
  /** Whether the stream may end here: `done` when its `[DONE]` has come (D2). */
  readonly finished: (done: boolean) => boolean;
}

/** Reads an answer of `/v1/chat/completions`. Few servers send events beyond a MiB; who expects one says so (D3). */
export class ChatReader implements AnswerReader {
  readonly maxEventBytes: number;
  readonly #texts: TextFinder;
  #finished = false;

  constructor(maxEventBytes: number = 1024 * 1024) {
    this.maxEventBytes = maxEventBytes;
    this.#texts = new TextFinder(maxEventBytes);
  }

  more(stream: string, at: number): FoundText | null {
    return this.#texts.find(stream, at);
  }

  event(value: JsonObject, data: string): Chunk[] {
    const chunk = toChunk(value);
    this.#texts.learn(data, value, chunk);
    this.#finished ||= chunk.choices.some((choice) => Boolean(choice.finish_reason));
    return [chunk];
  }

  whole(value: JsonObject): Chunk[] {
    return unfold(value);
  }

  failure(value: JsonObject): JsonObject | null {
    return value['error'] === undefined || value['error'] === null ? null : value;
  }

  finished(done: boolean): boolean {
    return done || this.#finished;
  }
}

/** Parsed at the border: afterwards `choices` and each `delta` are there, unknown members stay (A8). */
function toChunk(value: JsonObject): Chunk {
  const choices = Array.isArray(value['choices']) ? value['choices'] : [];
  return { ...value, choices: choices.filter(isJsonObject).map(toChoice) };
}

function toChoice(choice: JsonObject, place: number): ChunkChoice {
  const { index, delta } = choice;
  return {
    ...choice,
    index: typeof index === 'number' ? index : place,
    delta: isJsonObject(delta) ? delta : {},
    finish_reason: typeof choice['finish_reason'] === 'string' ? choice['finish_reason'] : null,
  };
}
