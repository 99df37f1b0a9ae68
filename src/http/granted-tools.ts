// What one consumer may use in one request: the policy over the snapshot, made ready to be injected and called.
import type { Consumer } from '../access/consumer.ts';
import { grant, mayCall } from '../access/policy.ts';
import { describePlugins, type Injection } from '../completion/inject.ts';
import type { ToolCall, ToolResult } from '../openai/chat.ts';
import type { PluginFunction } from '../plugin/function.ts';
import type { Plugin, Snapshot } from '../plugin/registry.ts';

/** What one consumer may use in one request. A run keeps it to its end. */
export interface Tools {
  readonly injection: Injection;
  /** Performs a call of an injected function. The policy is asked again (`security.md` I3). */
  readonly call: (toolCall: ToolCall, signal: AbortSignal, onSideEffect: () => void) => Promise<ToolResult>;
}

export interface GrantedToolsOptions {
  readonly snapshot: () => Snapshot;
  /** Performs one call of a function of the snapshot. */
  readonly call: (
    fn: PluginFunction,
    plugin: Plugin,
    argumentsText: string,
    context: { readonly consumer: Consumer; readonly signal: AbortSignal; readonly onSideEffect: () => void },
  ) => Promise<ToolResult>;
}

type Functions = ReadonlyMap<string, PluginFunction>;

/**
 * Makes the way from a consumer and its narrowings to its tools. What a consumer may use without narrowing is made
 * once per snapshot. Tools keep the snapshot that they were made from: a run sees one state of the plugins.
 */
export function createGrantedTools(
  options: GrantedToolsOptions,
): (consumer: Consumer, narrowing: readonly string[]) => Tools {
  const prepared = new WeakMap<Snapshot, Map<string, { functions: Functions; injection: Injection }>>();

  function whole(snapshot: Snapshot, consumer: Consumer) {
    const known = prepared.get(snapshot) ?? new Map<string, { functions: Functions; injection: Injection }>();
    prepared.set(snapshot, known);
    const ready = known.get(consumer.name);
    if (ready) return ready;
    const { functions } = grant(snapshot, consumer, null);
    const made = { functions, injection: injectionOf(snapshot, functions) };
    known.set(consumer.name, made);
    return made;
  }

  function narrowed(snapshot: Snapshot, consumer: Consumer, narrowing: readonly string[]) {
    let functions: Functions = snapshot.functions;
    for (const names of narrowing) ({ functions } = grant({ functions }, consumer, names));
    return { functions, injection: injectionOf(snapshot, functions) };
  }

  return (consumer, narrowing) => {
    const snapshot = options.snapshot();
    const { functions, injection } =
      narrowing.length === 0 ? whole(snapshot, consumer) : narrowed(snapshot, consumer, narrowing);
    return {
      injection,
      async call({ function: { name, arguments: text } }, signal, onSideEffect) {
        const fn = functions.get(name);
        const plugin = fn && snapshot.byName.get(fn.plugin);
        // I3: what was granted when the run began may have been taken away since.
        if (!fn || !plugin || !mayCall(consumer, fn) || !options.snapshot().functions.has(name))
          return notAvailable();
        return options.call(fn, plugin, text, { consumer, signal, onSideEffect });
      },
    };
  };
}

function injectionOf(snapshot: Snapshot, functions: Functions): Injection {
  const names = new Set(Array.from(functions.values(), ({ plugin }) => plugin));
  const described = snapshot.plugins.flatMap(({ name, manifest }) =>
    names.has(name) && manifest ? [{ name, description: manifest.descriptionForModel }] : [],
  );
  return { functions: [...functions.values()], instructions: describePlugins(described) };
}

/** The same words for a function that never was and one that is gone (I5, F-G07). */
function notAvailable(): ToolResult {
  const message = 'This function is not available any more. Answer without it.';
  return { content: JSON.stringify({ error: { code: 'not_available', retryable: false, message } }) };
}
