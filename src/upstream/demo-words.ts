// How the demo model reads a message: tokens, word stems, verbs with like meaning, clauses in stages.

/** A piece of the message. */
export interface Token {
  readonly kind: 'quoted' | 'url' | 'email' | 'date' | 'number' | 'word' | 'mark';
  /** Without quotes. */
  readonly text: string;
  /** What it is compared by: the stem of its verb group, or its own. */
  readonly stem: string;
  readonly start: number;
  readonly end: number;
}

/** One wish of the message: what may become one call, or several of one function. */
export interface Clause {
  readonly tokens: readonly Token[];
}

const pattern =
  /"([^"]{1,500})"|“([^”]{1,500})”|(?<![\p{L}\p{N}])'([^']{1,500})'(?!\p{L})|(https?:\/\/[^\s"<>]{1,500})|([\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]{1,64})|(\d{4}-\d{2}-\d{2})|((?<![\p{L}\p{N}])[-+]?\d+(?:\.\d+)?(?![\p{L}\p{N}_-]))|([\p{L}\p{N}][\p{L}\p{N}_'’-]*)|([.,;:!?\n])/gu;
const kinds = ['quoted', 'quoted', 'quoted', 'url', 'email', 'date', 'number', 'word', 'mark'] as const;

const numberWords = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** Verbs that wish the same; the first of a row stands for all. */
const verbGroups = [
  [
    'get',
    'list',
    'show',
    'display',
    'view',
    'see',
    'fetch',
    'read',
    'give',
    'tell',
    'retrieve',
    'what',
    'which',
  ],
  ['search', 'find', 'look', 'browse', 'lookup', 'query'],
  ['add', 'create', 'new', 'put', 'insert', 'remember', 'append', 'post'],
  ['delete', 'remove', 'drop', 'erase', 'cancel'],
  ['complete', 'finish', 'done', 'tick', 'mark', 'close'],
  ['update', 'change', 'edit', 'set', 'rename', 'modify'],
  ['order', 'buy', 'purchase', 'place'],
  ['send', 'submit', 'publish'],
  ['convert', 'translate', 'transform'],
  ['calculate', 'compute', 'solve'],
];

const stopWords = new Set(
  (
    'a an the this that these those i me my we us our you your it its he she they them their is are was were be been am ' +
    'do does did can could will would shall should may might must have has had please just also too and or but not no ' +
    'of to in on at by for from with into onto about as if so than then there here how many much when where who why ' +
    "some any all one's let lets want like need hello hi hey thanks thank ok okay up out off over under s i'd i'm what's it's"
  ).split(' '),
);

const groupOf = new Map(verbGroups.flatMap((group) => group.map((verb) => [stem(verb), `=${group[0]}`])));
const readers = new Set(['=get', '=search']);

/** The word without its usual endings, lower case: `Titles`, `titled` and `title` are one. */
export function stem(word: string): string {
  let text = word.toLowerCase().replace(/['’]s$/, '');
  if (text.length > 4 && text.endsWith('ies')) text = `${text.slice(0, -3)}y`;
  else if (text.length > 3 && text.endsWith('s') && !text.endsWith('ss')) text = text.slice(0, -1);
  if (text.length > 5 && text.endsWith('ing')) text = text.slice(0, -3);
  else if (text.length > 4 && text.endsWith('ed')) text = text.slice(0, -2);
  return text.length > 3 && text.endsWith('e') ? text.slice(0, -1) : text;
}

/** What a word is compared by: `=get` for all verbs of that group. */
export function meaning(word: string): string {
  const plain = stem(word.replaceAll(/[-_]/g, ''));
  return groupOf.get(plain) ?? plain;
}

/** Whether a meaning is a verb of a group; `reads` tells those that only ask. */
export function isVerb(word: string): boolean {
  return word.startsWith('=');
}

export function reads(word: string): boolean {
  return readers.has(word);
}

/** Whether a word says nothing about the subject. */
export function isStopWord(token: Token): boolean {
  return token.kind === 'word' && stopWords.has(token.text.toLowerCase());
}

/** The words of a name: `listOpenTodos`, `list_open-todos` are `list`, `open`, `todos`. */
export function nameWords(name: string): string[] {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** The number that a token says, digits or a small number's word; `null` for none. */
export function numberOf(token: Token): number | null {
  if (token.kind === 'number') return Number(token.text);
  const at = numberWords.indexOf(token.text.toLowerCase());
  return token.kind === 'word' && at >= 0 ? at : null;
}

/** Reads the first 4,000 characters of a message. */
export function tokenize(message: string): Token[] {
  return [...message.slice(0, 4000).matchAll(pattern)].map((match) => {
    const group = match.slice(1).findIndex((part) => part !== undefined);
    const text = match[group + 1] ?? '';
    const kind = kinds[group] ?? 'word';
    return {
      kind,
      text,
      stem: kind === 'word' ? meaning(text) : '',
      start: match.index,
      end: match.index + match[0].length,
    };
  });
}

/**
 * Cuts a message into stages that follow each other ("..., then ...", sentences), each with clauses that may run side
 * by side ("..., and ..."). A comma or "and" begins a clause only before a verb: "milk, eggs and bread" stays whole.
 */
export function readStages(tokens: readonly Token[], verbs: ReadonlySet<string>): Clause[][] {
  const stages: Clause[][] = [];
  let stage: Clause[] = [];
  let clause: Token[] = [];
  const endClause = () => {
    if (clause.some((token) => token.kind !== 'mark')) stage.push({ tokens: clause });
    clause = [];
  };
  const endStage = () => {
    endClause();
    if (stage.length > 0) stages.push(stage);
    stage = [];
  };
  for (const [at, token] of tokens.entries()) {
    if (endsStage(token)) endStage();
    else if (joins(token) && startsWithVerb(tokens.slice(at + 1, at + 5), verbs)) endClause();
    else clause.push(token);
  }
  endStage();
  return stages;
}

/** Whether a token separates the members of a list: a comma, "and". */
export function joins(token: Token): boolean {
  return token.kind === 'mark' ? token.text === ',' : token.kind === 'word' && /^and$/i.test(token.text);
}

function endsStage(token: Token): boolean {
  if (token.kind === 'mark') return /[.;!?\n]/.test(token.text);
  return token.kind === 'word' && /^(then|afterwards|finally)$/i.test(token.text);
}

function startsWithVerb(tokens: readonly Token[], verbs: ReadonlySet<string>): boolean {
  const first = tokens.find((token) => !/^(and|also|please|,)$/i.test(token.text));
  if (first?.kind !== 'word') return false;
  return isVerb(first.stem) || verbs.has(first.stem) || /^(how|is|are|when|where|who)$/i.test(first.text);
}
