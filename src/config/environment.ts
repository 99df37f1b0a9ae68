// `${NAME}` in the operator's file: read from the environment, and nowhere else.
import { memberPointer, type ConfigProblem } from './problem.ts';

/** The environment variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces `${NAME}` in every text value. What is put in is never read again: neither as YAML nor for another
 * `${`. Keys stay as written; `$NAME` and `$$` mean nothing (`architecture.md` section 4, M5).
 */
export function expandEnvironment(
  value: unknown,
  environment: Environment,
): { value: unknown; problems: ConfigProblem[] } {
  const problems: ConfigProblem[] = [];

  const expand = (from: unknown, pointer: string): unknown => {
    if (typeof from === 'string')
      return expandText(from, environment, (message) => problems.push({ pointer, message }));
    if (Array.isArray(from)) return from.map((item, at) => expand(item, memberPointer(pointer, at)));
    if (typeof from !== 'object' || from === null) return from;
    return Object.fromEntries(
      Object.entries(from).map(([key, item]) => [key, expand(item, memberPointer(pointer, key))]),
    );
  };

  return { value: expand(value, ''), problems };
}

function expandText(text: string, environment: Environment, report: (message: string) => void): string {
  const [head = '', ...tails] = text.split('${');
  const parts = tails.map((tail) => {
    const end = tail.indexOf('}');
    const name = end < 0 ? '' : tail.slice(0, end);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report('${...} must hold the name of an environment variable; put text that has "${" into a variable');
      return '';
    }
    const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (found === undefined)
      report(`the environment variable ${name} is not set; set it or remove \${${name}}`);
    return (found ?? '') + tail.slice(end + 1);
  });
  return head + parts.join('');
}
