// Watches a run through its doors and its chunks, and writes its one audit record, however it ends.
import type { Doors } from '../completion/run.ts';
import { isGatewayError } from '../errors.ts';
import type { Chunk } from '../openai/chat.ts';
import type { Audit } from '../telemetry/audit.ts';

export interface RunFacts {
  readonly id: string;
  readonly consumer: string;
  readonly upstream: string;
  readonly model: string;
  readonly stream: boolean;
}

export interface RunRecorder {
  /** The doors, counted. */
  readonly doors: (doors: Doors) => Doors;
  /** The chunks, looked at. When the signal ended the run, its reason is thrown in place of what it led to. */
  readonly chunks: (
    chunks: AsyncGenerator<Chunk, void, undefined>,
    signal: AbortSignal,
  ) => AsyncGenerator<Chunk, void, undefined>;
  readonly pluginCalls: () => number;
  /** A plugin call that a retry of the run would repeat has left (`wire.md` T1). */
  readonly hadSideEffect: () => boolean;
}

export function createRunRecorder(facts: RunFacts, audit: Audit): RunRecorder {
  const begun = performance.now();
  let steps = 0;
  let pluginCalls = 0;
  let sideEffect = false;
  let usage: Chunk['usage'] = null;

  function tokens(name: string): number {
    const count = usage?.[name];
    return typeof count === 'number' ? count : 0;
  }

  function write(status: number, error: string | null): void {
    audit.run({
      ...facts,
      status,
      error,
      steps,
      pluginCalls,
      promptTokens: tokens('prompt_tokens'),
      completionTokens: tokens('completion_tokens'),
      milliseconds: performance.now() - begun,
    });
  }

  return {
    pluginCalls: () => pluginCalls,
    hadSideEffect: () => sideEffect,
    doors: (doors) => ({
      ...doors,
      ask(request, signal) {
        steps += 1;
        return doors.ask(request, signal);
      },
      async call(toolCall, signal) {
        const result = await doors.call(toolCall, signal);
        if (result.call) pluginCalls += 1;
        sideEffect ||= result.sideEffect === true;
        return result;
      },
    }),
    async *chunks(chunks, signal) {
      let outcome: [status: number, error: string | null] = [499, 'client_closed_request'];
      try {
        for await (const chunk of chunks) {
          usage = chunk.usage ?? usage;
          yield chunk;
        }
        outcome = [200, null];
      } catch (error) {
        const shown: unknown = signal.aborted ? signal.reason : error;
        outcome = isGatewayError(shown) ? [shown.statusCode, shown.wireCode] : [500, 'internal_error'];
        throw shown;
      } finally {
        write(...outcome);
      }
    },
  };
}
