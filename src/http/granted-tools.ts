// What one consumer may use in one request: the policy over the snapshot, made ready to be injected and called.
import type { Consumer } from '../access/consumer.ts';
import { grant, mayCall } from '../access/policy.ts';
import { createInjection, describePlugins, type Injection } from '../completion/inject.ts';
import type { ToolCall, ToolResult } from '../openai/chat.ts';
import type { FunctionForm } from '../openai/function-form.ts';
import type { FormFunction } from '../plugin/function-form.ts';
import type { PluginFunction } from '../plugin/function.ts';
import type { Plugin, Snapshot } from '../plugin/registry.ts';

/** What one consumer may use in one request. A run keeps it to its end. */
export interface Tools {
  /** What is injected for an upstream that takes functions in this form. */
  readonly injection: (form: FunctionForm) => Injection;
  /** Names of the narrowing that select nothing: unknown, or not granted. */
  readonly unknown: readonly string[];
  /** Performs a call of an injected function. The policy is asked again (`security.md` I3). */
  readonly call: (
    toolCall: ToolCall,
    signal: AbortSignal,
    onSideEffect: () => void | Promise<void>,
  ) => Promise<ToolResult>;
}

export interface GrantedToolsOptions {
  readonly snapshot: () => Snapshot;
  readonly formFunction: FormFunction;
  /** Performs one call of a function of the snapshot. */
  readonly call: (
    fn: PluginFunction,
    plugin: Plugin,
    argumentsText: string,
    context: {
      readonly consumer: Consumer;
      readonly strict: boolean;
      readonly signal: AbortSignal;
      readonly onSideEffect: () => void | Promise<void>;
    },
  ) => Promise<ToolResult>;
}

type Functions = ReadonlyMap<string, PluginFunction>;

/** Functions, and what is injected of them. */
interface Granted {
  readonly functions: Functions;
  readonly injection: Tools['injection'];
  readonly unknown: readonly string[];
}

/**
 * Makes the way from a consumer and its narrowings to its tools for an upstream, which may change until it has
 * answered. What a consumer may use without narrowing is made once per snapshot. Tools keep the snapshot that they were
 * made from: a run sees one state of the plugins.
 */
export function createGrantedTools(
  options: GrantedToolsOptions,
): (consumer: Consumer, narrowing: readonly string[], upstream: { readonly form: FunctionForm }) => Tools {
  const prepared = new WeakMap<Snapshot, Map<string, Granted>>();

  function whole(snapshot: Snapshot, consumer: Consumer): Granted {
    const known = prepared.get(snapshot) ?? new Map<string, Granted>();
    prepared.set(snapshot, known);
    const ready = known.get(consumer.name);
    if (ready) return ready;
    const { functions } = grant(snapshot, consumer, null);
    const made = prepare(snapshot, functions, options.formFunction);
    known.set(consumer.name, made);
    return made;
  }

  function narrowed(snapshot: Snapshot, consumer: Consumer, narrowing: readonly string[]): Granted {
    const unknown: string[] = [];
    let functions: Functions = snapshot.functions;
    for (const names of narrowing) {
      const granted = grant({ functions }, consumer, names);
      functions = granted.functions;
      unknown.push(...granted.unknown);
    }
    return { ...prepare(snapshot, functions, options.formFunction), unknown };
  }

  return (consumer, narrowing, upstream) => {
    const snapshot = options.snapshot();
    const granted =
      narrowing.length === 0 ? whole(snapshot, consumer) : narrowed(snapshot, consumer, narrowing);
    const { functions, injection, unknown } = granted;
    return {
      injection,
      unknown,
      async call({ function: { name, arguments: text } }, signal, onSideEffect) {
        const fn = functions.get(name);
        const plugin = fn && snapshot.byName.get(fn.plugin);
        // I3: what was granted when the run began may have been taken away since.
        if (!fn || !plugin || !mayCall(consumer, fn) || !options.snapshot().functions.has(name))
          return notAvailable();
        const strict = options.formFunction(fn, upstream.form)?.strict ?? false;
        return options.call(fn, plugin, text, { consumer, strict, signal, onSideEffect });
      },
    };
  };
}

/** What is injected of some functions, made once per form. */
function prepare(snapshot: Snapshot, functions: Functions, formFunction: FormFunction): Granted {
  const names = new Set(Array.from(functions.values(), ({ plugin }) => plugin));
  const described = snapshot.plugins.flatMap(({ name, manifest }) =>
    names.has(name) && manifest ? [{ name, description: manifest.descriptionForModel }] : [],
  );
  const instructions = describePlugins(described);
  const ready = new Map<string, Injection>();
  const injection = (form: FunctionForm): Injection => {
    const key = `${form.profile} ${form.strict}`;
    const known = ready.get(key);
    if (known) return known;
    const made = createInjection({
      functions: Array.from(functions.values(), (fn) => lazily(fn, form, formFunction)),
      instructions,
    });
    ready.set(key, made);
    return made;
  };
  return { functions, injection, unknown: [] };
}

/** Forms are made of those functions alone that are looked at: 128 go into a request. */
function lazily(
  fn: PluginFunction,
  form: FunctionForm,
  formFunction: FormFunction,
): Injection['functions'][number] {
  let text: string | null | undefined;
  return {
    name: fn.name,
    text: () => (text === undefined ? (text = formFunction(fn, form)?.text ?? null) : text),
  };
}

/** The same words for a function that never was and one that is gone (I5, F-G07). */
function notAvailable(): ToolResult {
  const message = 'This function is not available any more. Answer without it.';
  return { content: JSON.stringify({ error: { code: 'not_available', retryable: false, message } }) };
}
