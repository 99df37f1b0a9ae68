// Watches a run, and writes its one audit record, however it ends.
import { isGatewayError, UpstreamError } from '../errors.ts';
import type { Usage } from '../openai/chat.ts';
import type { Audit } from '../telemetry/audit.ts';

export interface RunFacts {
  readonly id: string;
  readonly consumer: string;
  /** Its name is asked when the record is written: another one may have stood in. */
  readonly upstream: { readonly name: string };
  readonly model: string;
  readonly stream: boolean;
}

/** What one attempt at a run has come to. */
export class RunRecorder {
  readonly #facts: RunFacts;
  readonly #audit: Pick<Audit, 'run'>;
  readonly #begun = performance.now();
  readonly #completionIds: string[] = [];
  readonly #upstreamRequestIds: string[] = [];
  #answered = false;
  #ended = false;
  #steps = 0;
  #pluginCalls = 0;
  #promptTokens = 0;
  #completionTokens = 0;
  #uncountedSteps = 0;

  constructor(facts: RunFacts, audit: Pick<Audit, 'run'>) {
    this.#facts = facts;
    this.#audit = audit;
  }

  /** Whether an upstream has taken a request of the run, in this attempt or an earlier one. */
  answered(): boolean {
    return this.#answered;
  }

  pluginCalls(): number {
    return this.#pluginCalls;
  }

  /** An upstream has answered a request, under this id of its own. */
  onAnswer(requestId: string | null): void {
    this.#answered = true;
    if (requestId !== null) this.#upstreamRequestIds.push(requestId);
  }

  /** A step has ended: what it counted, and the upstream's id of it. */
  onStep(usage: Usage | null, id: string): void {
    this.#answered = true; // also when the step is an earlier attempt's
    this.#steps += 1;
    if (id !== '') this.#completionIds.push(id.slice(0, 200));
    const counts = [count(usage, 'prompt_tokens'), count(usage, 'completion_tokens')] as const;
    this.#promptTokens += counts[0] ?? 0;
    this.#completionTokens += counts[1] ?? 0;
    if (counts.includes(null)) this.#uncountedSteps += 1;
  }

  onPluginCall(): void {
    this.#pluginCalls += 1;
  }

  /** Writes the record, when first called; `failure`: what ended the run in place of its answer. */
  end(failure: { readonly error: unknown } | null): void {
    if (!this.#ended) this.#write(failure ? outcomeOf(failure.error) : [200, null]);
    this.#ended = true;
  }

  #write([status, error]: Outcome): void {
    this.#audit.run({
      ...this.#facts,
      upstream: this.#facts.upstream.name,
      status,
      error,
      steps: this.#steps,
      completionIds: this.#completionIds,
      upstreamRequestIds: this.#upstreamRequestIds,
      pluginCalls: this.#pluginCalls,
      promptTokens: this.#promptTokens,
      completionTokens: this.#completionTokens,
      uncountedSteps: this.#uncountedSteps,
      milliseconds: performance.now() - this.#begun,
    });
  }
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
