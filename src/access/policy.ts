// Who may use which plugin and operation: decided when functions are offered, and again before each call (I3).
import type { Consumer } from './consumer.ts';

/** What the policy looks at in a function. */
export interface PolicyFunction {
  /** The injected name. */
  readonly name: string;
  /** `name_for_model` of its plugin. */
  readonly plugin: string;
  readonly operation: { readonly id: string };
}

/** What a request may use. */
export interface Grant<F extends PolicyFunction = PolicyFunction> {
  /** By function name, in the order of the snapshot. */
  readonly functions: ReadonlyMap<string, F>;
  /** Names of the narrowing that select nothing: unknown, or not granted; the caller cannot tell which. */
  readonly unknown: readonly string[];
}

/**
 * The functions that a request may use: those granted to the consumer, narrowed by `x-plugins` or
 * `metadata.plugins` (`a,b`, or `none`; `null`: not narrowed). A narrowing never widens.
 */
export function grant<F extends PolicyFunction>(
  snapshot: { readonly functions: ReadonlyMap<string, F> },
  consumer: Pick<Consumer, 'plugins'>,
  narrowing: string | null,
): Grant<F> {
  const granted = Array.from(snapshot.functions).filter(([, fn]) => mayCall(consumer, fn));
  if (narrowing === null) return { functions: new Map(granted), unknown: [] };
  const wanted = readNarrowing(narrowing);
  return {
    functions: new Map(granted.filter(([, fn]) => wanted.some((pattern) => selects(pattern, fn)))),
    unknown: wanted.filter((pattern) => !granted.some(([, fn]) => selects(pattern, fn))),
  };
}

/** Whether the consumer may call the function. Ask before every call. */
export function mayCall(consumer: Pick<Consumer, 'plugins'>, fn: PolicyFunction): boolean {
  return consumer.plugins.some((pattern) => selects(pattern, fn));
}

/** Nothing named is `none` too: an application that joins an empty selection means it. */
function readNarrowing(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const named = names.filter((name) => name !== '' && name !== 'none');
  return [...new Set(named)].slice(0, 256);
}

/**
 * `todo`, `todo.addItem`, `todo.*`, `*`; `*` stands for any text. The first dot of the pattern divides plugin from
 * operation, so that `todo.*` cannot reach a plugin that calls itself `todo.more`.
 */
function selects(pattern: string, fn: PolicyFunction): boolean {
  if (pattern === fn.plugin) return true;
  const dot = pattern.indexOf('.');
  if (dot < 0) return matches(pattern, fn.plugin);
  return matches(pattern.slice(0, dot), fn.plugin) && matches(pattern.slice(dot + 1), fn.operation.id);
}

/** Linear in both lengths: each part between stars is sought once, as far left as it goes. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts.shift() ?? '';
  const last = parts.pop();
  if (last === undefined) return pattern === text;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  const middle = text.slice(first.length, text.length - last.length);
  let at = 0;
  for (const part of parts) {
    const found = middle.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}
