// Watches a run, and writes its one audit record, however it ends.
import type { Doors, RunOptions } from '../completion/run.ts';
import { isGatewayError, UpstreamError } from '../errors.ts';
import type { Usage } from '../openai/chat.ts';
import type { Audit } from '../telemetry/audit.ts';

export interface RunFacts {
  readonly id: string;
  readonly consumer: string;
  readonly upstream: string;
  readonly model: string;
  readonly stream: boolean;
}

/** What is read piece by piece, and may be left before its end. */
export type Source<Said> = Pick<AsyncGenerator<Said, void, undefined>, 'next' | 'return'>;

export interface RunRecorder {
  /** The door to the plugins, watched. */
  readonly call: (call: Doors['call']) => Doors['call'];
  readonly onStep: RunOptions['onStep'];
  /** An upstream has answered a request, under this id of its own. */
  readonly onAnswer: (requestId: string | null) => void;
  /** The answer, looked at. When the signal ended the run, its reason is thrown in place of what it led to. */
  readonly watch: <Said>(answer: Source<Said>, signal: AbortSignal) => Source<Said>;
  /** The same for an answer that is one value. */
  readonly watchOne: <Said>(answer: Promise<Said>, signal: AbortSignal) => Promise<Said>;
  /** Whether an upstream has taken a request of the run, in this attempt or an earlier one. */
  readonly answered: () => boolean;
  readonly pluginCalls: () => number;
}

export function createRunRecorder(facts: RunFacts, audit: Pick<Audit, 'run'>): RunRecorder {
  const begun = performance.now();
  const completionIds: string[] = [];
  const upstreamRequestIds: string[] = [];
  let answered = false;
  let steps = 0;
  let pluginCalls = 0;
  let promptTokens = 0;
  let completionTokens = 0;
  let uncountedSteps = 0;

  function write([status, error]: Outcome): void {
    audit.run({
      ...facts,
      status,
      error,
      steps,
      completionIds,
      upstreamRequestIds,
      pluginCalls,
      promptTokens,
      completionTokens,
      uncountedSteps,
      milliseconds: performance.now() - begun,
    });
  }

  return {
    answered: () => answered,
    pluginCalls: () => pluginCalls,
    onAnswer(requestId) {
      answered = true;
      if (requestId !== null) upstreamRequestIds.push(requestId);
    },
    onStep(usage, id) {
      answered = true; // also when the step is an earlier attempt's
      steps += 1;
      if (id !== '') completionIds.push(id.slice(0, 200));
      const counts = [count(usage, 'prompt_tokens'), count(usage, 'completion_tokens')] as const;
      promptTokens += counts[0] ?? 0;
      completionTokens += counts[1] ?? 0;
      if (counts.includes(null)) uncountedSteps += 1;
    },
    call: (call) => async (toolCall, signal) => {
      const result = await call(toolCall, signal);
      if (result.call) pluginCalls += 1;
      return result;
    },
    watch(answer, signal) {
      let written = false;
      const end = (outcome: Outcome): void => {
        if (!written) write(outcome);
        written = true;
      };
      return {
        async next() {
          try {
            const said = await answer.next();
            if (said.done) end(complete);
            return said;
          } catch (error) {
            const shown: unknown = signal.aborted ? signal.reason : error;
            end(outcomeOf(shown));
            throw shown;
          }
        },
        async return() {
          const left = await answer.return();
          end([499, 'client_closed_request']);
          return left;
        },
      };
    },
    async watchOne(answer, signal) {
      try {
        const said = await answer;
        write(complete);
        return said;
      } catch (error) {
        const shown: unknown = signal.aborted ? signal.reason : error;
        write(outcomeOf(shown));
        throw shown;
      }
    },
  };
}

type Outcome = readonly [status: number, error: string | null];

const complete: Outcome = [200, null];

/** F-U45: `null` for what is no count of tokens. */
function count(usage: Usage | null, name: string): number | null {
  const tokens = usage?.[name];
  return Number.isSafeInteger(tokens) && Number(tokens) >= 0 ? Number(tokens) : null;
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof UpstreamError) return [error.statusCode, 'upstream_error'];
  return isGatewayError(error) ? [error.statusCode, error.wireCode] : [500, 'internal_error'];
}
