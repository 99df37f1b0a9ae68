// Runs the plugin calls of a step: in parallel, within the budget, each answered whatever happens.
import type { Message, PluginCall, ToolCall, ToolResult } from '../openai/chat.ts';
import { allowedCalls, type Budget, type Spent } from './budget.ts';
import { canonicalArguments } from './canonical.ts';
import type { AssembledCall } from './tool-calls.ts';

export interface CallerOptions {
  readonly doors: {
    readonly call: (toolCall: ToolCall, signal: AbortSignal) => Promise<ToolResult>;
  };
  readonly budget: Budget;
  readonly spent: Spent;
  readonly signal: AbortSignal;
  /** Ends with `signal`, or before it. A function, because most runs never ask (`RunOptions` in `run.ts`). */
  readonly callsUntil: () => AbortSignal;
  /** Gets what each call was, in the order of the calls. */
  readonly reports: PluginCall[];
}

/** The newest of some identical calls. */
interface EarlierCall {
  readonly choice: number;
  readonly times: number;
  readonly result: Promise<ToolResult>;
}

/** Calls, and answers with one tool message per call, in the order of the calls. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #enter: () => Promise<() => void>;
  readonly #earlier = new Map<string, EarlierCall>();

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#enter = createGate(options.budget.parallel);
  }

  async callAll(calls: readonly AssembledCall[], choice: number): Promise<Message[]> {
    const { budget, spent, reports } = this.#options;
    const allowed = allowedCalls(calls.length, spent, budget);
    const results = await Promise.all(
      calls.map((assembled, place) => this.#start(assembled, choice, place < allowed)),
    );
    return results.map((result, place) => {
      if (result.badArguments) spent.badCalls += 1;
      if (result.call) reports.push(result.call);
      return { role: 'tool', tool_call_id: calls[place]?.call.id ?? '', content: result.content };
    });
  }

  #start(assembled: AssembledCall, choice: number, mayRun: boolean): Promise<ToolResult> {
    if (assembled.owner === 'unknown') return Promise.resolve(unknownFunction(assembled.call.function.name));
    if (!mayRun)
      return Promise.resolve(
        failure('call_limit', 'Too many tool calls: this one was not run. Ask for fewer at once.'),
      );
    this.#options.spent.calls += 1;
    return this.#callOnce(assembled.call, choice);
  }

  /** M12: the third identical call gets the earlier result and a note. M6: sibling choices share one call. */
  #callOnce(toolCall: ToolCall, choice: number): Promise<ToolResult> {
    const key = `${toolCall.function.name} ${canonicalArguments(toolCall.function.arguments)}`;
    const known = this.#earlier.get(key);
    if (known && known.choice !== choice) return known.result;
    if (known && known.times >= 2) return known.result.then(repeated);
    const result = this.#call(toolCall);
    this.#earlier.set(key, { choice, times: (known?.times ?? 0) + 1, result });
    return result;
  }

  async #call(toolCall: ToolCall): Promise<ToolResult> {
    const options = this.#options;
    const leave = await this.#enter();
    try {
      options.signal.throwIfAborted();
      if (options.callsUntil().aborted)
        return failure('run_deadline', 'The time for tool calls is used up. Answer with what is known.');
      return await options.doors.call(toolCall, options.callsUntil());
    } catch (error) {
      options.signal.throwIfAborted();
      if (options.callsUntil().aborted)
        return failure('run_deadline', 'The call was stopped: the time for tool calls is used up.');
      throw error;
    } finally {
      leave();
    }
  }
}

/** An error result in the form of every tool result that failed. */
function failure(code: string, message: string): ToolResult {
  return { content: JSON.stringify({ error: { code, retryable: false, message } }) };
}

/** I5: never executed, and counted like bad arguments. */
function unknownFunction(name: string): ToolResult {
  const message = `There is no function ${JSON.stringify(name.slice(0, 64))}. Use one of the functions that are offered.`;
  return { ...failure('unknown_function', message), badArguments: true };
}

function repeated(result: ToolResult): ToolResult {
  const note =
    'This is the result of an identical earlier call, which was not repeated. Answer now, or call differently.';
  return { content: `${result.content}\n\n${note}`, ...(result.badArguments && { badArguments: true }) };
}

/** Lets at most `width` through at the same time, in order. */
function createGate(width: number): () => Promise<() => void> {
  let free = width;
  const waiting: (() => void)[] = [];
  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    return () => {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    };
  };
}
