// Watches a run, and writes its one audit record, however it ends.
import type { Doors, RunOptions } from '../completion/run.ts';
import { isGatewayError, UpstreamError } from '../errors.ts';
import type { Usage } from '../openai/chat.ts';
import type { Audit } from '../telemetry/audit.ts';

export interface RunFacts {
  readonly id: string;
  readonly consumer: string;
  /** Asked when the record is written: another one may have stood in. */
  readonly upstream: () => string;
  readonly model: string;
  readonly stream: boolean;
}

export interface RunRecorder {
  /** The door to the plugins, watched. */
  readonly call: (call: Doors['call']) => Doors['call'];
  readonly onStep: RunOptions['onStep'];
  /** An upstream has answered a request, under this id of its own. */
  readonly onAnswer: (requestId: string | null) => void;
  /** Writes the record, when first called; `failure`: what ended the run in place of its answer. */
  readonly end: (failure: { readonly error: unknown } | null) => void;
  /** Whether an upstream has taken a request of the run, in this attempt or an earlier one. */
  readonly answered: () => boolean;
  readonly pluginCalls: () => number;
}

export function createRunRecorder(facts: RunFacts, audit: Pick<Audit, 'run'>): RunRecorder {
  const begun = performance.now();
  const completionIds: string[] = [];
  const upstreamRequestIds: string[] = [];
  let answered = false;
  let ended = false;
  let steps = 0;
  let pluginCalls = 0;
  let promptTokens = 0;
  let completionTokens = 0;
  let uncountedSteps = 0;

  function write([status, error]: Outcome): void {
    audit.run({
      ...facts,
      upstream: facts.upstream(),
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
    end(failure) {
      if (!ended) write(failure ? outcomeOf(failure.error) : [200, null]);
      ended = true;
    },
  };
}

type Outcome = readonly [status: number, error: string | null];

/** F-U45: `null` for what is no count of tokens. */
function count(usage: Usage | null, name: string): number | null {
  const tokens = usage?.[name];
  return Number.isSafeInteger(tokens) && Number(tokens) >= 0 ? Number(tokens) : null;
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof UpstreamError) return [error.statusCode, 'upstream_error'];
  return isGatewayError(error) ? [error.statusCode, error.wireCode] : [500, 'internal_error'];
}
