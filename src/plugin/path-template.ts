// A path key of a document taken apart: template, variables, fixed query (`openapi.md` B3, D12).

/** A usable path key. */
export interface PathTemplate {
  /** With a leading slash, without query and fragment. */
  readonly path: string;
  /** Names of the `{x}` in it, each once. */
  readonly variables: readonly string[];
  /** The `?a=1` part, decoded, in order. */
  readonly fixedQuery: readonly (readonly [name: string, value: string])[];
  /** Variables of the query part (`?q={x}`): variable -> query name. */
  readonly queryVariables: ReadonlyMap<string, string>;
  /** The key had no leading slash. */
  readonly repaired: boolean;
}

const variable = /\{([^{}]+)\}/g;

function decodeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** Takes a path key apart; a text says why it is refused: it would leave the server (`security.md` A4). */
export function readPath(key: string): PathTemplate | string {
  const plain = (key.split('#', 1)[0] ?? '').trim();
  const mark = plain.indexOf('?');
  const written = mark < 0 ? plain : plain.slice(0, mark);
  if (written.startsWith('//') || written.includes('\\') || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(written)) {
    return 'it names another host';
  }
  const path = written.startsWith('/') ? written : `/${written}`;
  const segments = path.replaceAll(/%2e/gi, '.').split(/\/|%2f|%5c/i);
  if (segments.some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) return 'it climbs out of the base path';
  // oxlint-disable-next-line no-control-regex -- these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(path)) return 'it holds a control character';
  const fixedQuery: [string, string][] = [];
  const queryVariables = new Map<string, string>();
  for (const pair of mark < 0 ? [] : plain.slice(mark + 1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeQuery(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodeQuery(equals < 0 ? '' : pair.slice(equals + 1));
    const inside = /^\{([^{}]+)\}$/.exec(value)?.[1];
    if (inside === undefined) fixedQuery.push([name, value]);
    else queryVariables.set(inside, name);
  }
  const variables = [...new Set([...path.matchAll(variable)].map((match) => match[1] ?? ''))];
  return { path, variables, fixedQuery, queryVariables, repaired: !written.startsWith('/') };
}
