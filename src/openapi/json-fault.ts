// Where and why a text is not JSON: `JSON.parse` tells the position only sometimes.

type State = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'end';

/** The first character that cannot stand where it stands, and what should stand there. */
export interface JsonFault {
  readonly index: number;
  readonly message: string;
}

const expectations: Record<State, string> = {
  value: 'expected a value',
  'value-or-end': 'expected a value or "]"',
  key: 'expected a name in double quotes',
  'key-or-end': 'expected a name in double quotes or "}"',
  colon: 'expected ":"',
  'comma-or-end': 'expected "," or the end of the object or array',
  end: 'expected nothing more',
};

const blank = /[ \t\r\n]*/y;
const literal = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function endOf(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

/** The index behind a string, or the fault in it. */
function scanString(text: string, start: number): number | JsonFault {
  for (let at = start + 1; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code < 0x20) return { index: at, message: 'a control character must be escaped in a string' };
    if (code !== 0x5c) at += 1;
    else {
      const end = endOf(escape, text, at);
      if (end < 0) return { index: at, message: 'unknown escape in a string' };
      at = end;
    }
  }
  return { index: text.length, message: `the string that starts at index ${start} does not end` };
}

/** Finds the fault of a text that `JSON.parse` refuses; `null` when there is none. */
export function findJsonFault(text: string): JsonFault | null {
  const open: string[] = [];
  let state: State = 'value';
  const after = (): State => (open.length === 0 ? 'end' : 'comma-or-end');
  for (let at = endOf(blank, text, 0); at < text.length; at = endOf(blank, text, at)) {
    const character = text.charAt(at);
    const wantsValue: boolean = state === 'value' || state === 'value-or-end';
    const wantsKey: boolean = state === 'key' || state === 'key-or-end';
    if (character === '"' && (wantsValue || wantsKey)) {
      const end = scanString(text, at);
      if (typeof end !== 'number') return end;
      at = end;
      state = wantsKey ? 'colon' : after();
    } else if ((character === '{' || character === '[') && wantsValue) {
      open.push(character);
      state = character === '{' ? 'key-or-end' : 'value-or-end';
      at += 1;
    } else if (
      (character === '}' && open.at(-1) === '{' && (state === 'key-or-end' || state === 'comma-or-end')) ||
      (character === ']' && open.at(-1) === '[' && (state === 'value-or-end' || state === 'comma-or-end'))
    ) {
      open.pop();
      state = after();
      at += 1;
    } else if (character === ',' && state === 'comma-or-end') {
      state = open.at(-1) === '{' ? 'key' : 'value';
      at += 1;
    } else if (character === ':' && state === 'colon') {
      state = 'value';
      at += 1;
    } else {
      const end = wantsValue ? endOf(literal, text, at) : -1;
      if (end < 0)
        return { index: at, message: `unexpected ${JSON.stringify(character)}, ${expectations[state]}` };
      at = end;
      state = after();
    }
  }
  return state === 'end'
    ? null
    : { index: text.length, message: `the text ends too early, ${expectations[state]}` };
}
