// Reads the styles of OpenAPI parameters, written from the specification: from a raw text back to a value.
import { isTree, type Tree } from './tree.ts';

/** A style leaves no types: what was sent is compared as texts, in lists and maps. */
export type Loose = string | Loose[] | { [name: string]: Loose };

/** A sent value as a receiver can know it; `undefined` where nothing of it is sent. */
export function loosen(value: Tree): Loose | undefined {
  if (value === null || value === undefined) return undefined;
  if (Array.isArray(value)) {
    const list = value.map(loosen).filter((one) => one !== undefined);
    return list.length === 0 ? undefined : list;
  }
  if (isTree(value)) {
    const own = Object.entries(value).flatMap(([name, one]): [string, Loose][] => {
      const loose = loosen(one);
      return loose === undefined ? [] : [[name, loose]];
    });
    return own.length === 0 ? undefined : Object.fromEntries(own);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What the receiver expects at a place: its schema's shape, or where that is open, the shape of what was sent. */
export type Shape = 'scalar' | 'list' | 'map';

export function shapeOf(value: Tree): Shape {
  return Array.isArray(value) ? 'list' : isTree(value) ? 'map' : 'scalar';
}

/** Percent-decoding as in a path: `+` is a plus. */
export function decodePart(text: string): string {
  return decodeURIComponent(text);
}

/** Form decoding, as in a query: `+` is a blank. */
export function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}

/** The text of one member: what the specification leaves open inside lists and maps is read as JSON. */
function member(text: string, sent: Tree): Loose {
  if (typeof sent !== 'object' || sent === null) return text;
  return loosen(JSON.parse(text)) ?? '';
}

function listOf(texts: readonly string[], sent: Tree, decode: (text: string) => string): Loose {
  const expected = Array.isArray(sent) ? sent.filter((one) => one !== null) : [];
  return texts.map((text, index) => member(decode(text), expected[index]));
}

function mapOf(pairs: readonly (readonly [string, string])[], sent: Tree): Loose {
  return Object.fromEntries(
    pairs.map(([name, text]) => [name, member(text, isTree(sent) ? sent[name] : undefined)]),
  );
}

/** `a,1,b,2`. */
function alternating(texts: readonly string[], sent: Tree, decode: (text: string) => string): Loose {
  const pairs: [string, string][] = [];
  for (let index = 0; index < texts.length; index += 2)
    pairs.push([decode(texts[index] ?? ''), decode(texts[index + 1] ?? '')]);
  return mapOf(pairs, sent);
}

function assigned(texts: readonly string[], sent: Tree, decode: (text: string) => string): Loose {
  return mapOf(
    texts.map((text) => {
      const equals = text.indexOf('=');
      return [decode(text.slice(0, equals)), decode(text.slice(equals + 1))] as const;
    }),
    sent,
  );
}

/** How a parameter is declared to be written. */
export interface Writing {
  readonly name: string;
  readonly style: string;
  readonly explode: boolean;
  readonly media: string | null;
}

/** The value of a variable of a path, or of a header: styles simple, label and matrix. */
export function readSimple(text: string, how: Writing, sent: Tree, decode: (text: string) => string): Loose {
  if (how.media !== null) return readContent(decode(text), how.media);
  const shape = shapeOf(sent);
  if (how.style === 'label') return readPieces(text.slice(1), '.', how, shape, sent, decode);
  if (how.style === 'matrix') return readMatrix(text, how, shape, sent, decode);
  return readPieces(text, ',', how, shape, sent, decode);
}

function readPieces(
  text: string,
  between: string,
  how: Writing,
  shape: Shape,
  sent: Tree,
  decode: (text: string) => string,
): Loose {
  if (shape === 'scalar') return decode(text);
  if (how.explode) {
    const pieces = text.split(between);
    return shape === 'list' ? listOf(pieces, sent, decode) : assigned(pieces, sent, decode);
  }
  const pieces = text.split(',');
  return shape === 'list' ? listOf(pieces, sent, decode) : alternating(pieces, sent, decode);
}

function readMatrix(
  text: string,
  how: Writing,
  shape: Shape,
  sent: Tree,
  decode: (text: string) => string,
): Loose {
  const pieces = text.slice(1).split(';');
  const values = pieces.map((piece) => piece.slice(piece.indexOf('=') + 1));
  if (shape === 'map' && how.explode) return assigned(pieces, sent, decode);
  if (shape === 'list' && how.explode) return listOf(values, sent, decode);
  const inside = (values[0] ?? '').split(',');
  if (shape === 'list') return listOf(inside, sent, decode);
  return shape === 'map' ? alternating(inside, sent, decode) : decode(values[0] ?? '');
}

/** A parameter with `content`: JSON, or the text itself. */
function readContent(text: string, media: string): Loose {
  return /json/i.test(media) ? (loosen(JSON.parse(text)) ?? '') : text;
}

/** A pair of a query, cookie or form; its texts are as they came. */
export interface RawPair {
  readonly name: string;
  readonly value: string;
  used: boolean;
}

export function splitPairs(text: string, between: string): RawPair[] {
  if (text === '') return [];
  return text.split(between).map((pair) => {
    const equals = pair.indexOf('=');
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    return { name: decodeForm(name), value, used: false };
  });
}

const delimiters: Record<string, RegExp> = {
  form: /,/,
  spaceDelimited: /%20|\+/,
  pipeDelimited: /%7C|\|/i,
  tab: /%09/,
  tabDelimited: /%09/,
};

/**
 * The value of a query or cookie parameter or of a form field. `foreign`: names that are another parameter's; an exploded
 * map may take any other.
 */
export function readForm(
  pairs: readonly RawPair[],
  how: Writing,
  sent: Tree,
  foreign: ReadonlySet<string>,
): Loose | undefined {
  const shape = shapeOf(sent);
  const own = pairs.filter((pair) => pair.name === how.name);
  const take = (taken: readonly RawPair[]): readonly RawPair[] => {
    for (const pair of taken) pair.used = true;
    return taken;
  };
  if (how.media !== null)
    return own[0] && readContent(decodeForm(take(own.slice(0, 1))[0]?.value ?? ''), how.media);
  if (how.style === 'deepObject' && shape !== 'scalar') return readDeep(pairs, how.name, sent);
  if (shape === 'map' && how.explode) {
    const free = take(pairs.filter((pair) => !pair.used && !foreign.has(pair.name)));
    return free.length === 0
      ? undefined
      : mapOf(
          free.map((pair) => [pair.name, decodeForm(pair.value)]),
          sent,
        );
  }
  if (own.length === 0) return undefined;
  if (shape === 'list' && how.explode)
    return listOf(
      take(own).map((pair) => pair.value),
      sent,
      decodeForm,
    );
  const text = take(own.slice(0, 1))[0]?.value ?? '';
  if (shape === 'scalar') return decodeForm(text);
  const pieces = text.split(delimiters[how.style] ?? /,/);
  return shape === 'list' ? listOf(pieces, sent, decodeForm) : alternating(pieces, sent, decodeForm);
}

/** `a[b][c]=1`: a map of maps; where a list was sent, its places are numbers. */
function readDeep(pairs: readonly RawPair[], name: string, sent: Tree): Loose | undefined {
  const read: { [name: string]: Loose } = {};
  let any = false;
  for (const pair of pairs) {
    if (!pair.name.startsWith(`${name}[`) || !pair.name.endsWith(']')) continue;
    pair.used = true;
    any = true;
    const steps = pair.name.slice(name.length + 1, -1).split('][');
    let here = read;
    for (const step of steps.slice(0, -1)) {
      const below = here[step];
      const next = typeof below === 'object' && !Array.isArray(below) ? below : {};
      here[step] = next;
      here = next;
    }
    here[steps.at(-1) ?? ''] = decodeForm(pair.value);
  }
  return any ? numbered(read, sent) : undefined;
}

function numbered(read: Loose, sent: Tree): Loose {
  if (typeof read === 'string' || Array.isArray(read)) return read;
  if (Array.isArray(sent)) return Object.values(read).map((one, index) => numbered(one, sent[index]));
  return Object.fromEntries(
    Object.entries(read).map(([name, one]) => [name, numbered(one, isTree(sent) ? sent[name] : undefined)]),
  );
}
