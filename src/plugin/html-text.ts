// The text of an HTML page, without scripts, styles and tags (`openapi.md` R4).

/** Elements whose content is no text for a reader. */
const silent = new Set(['script', 'style', 'noscript', 'template', 'svg', 'iframe', 'object', 'select']);
/** Elements that begin a new line. */
const blocks = new Set(
  (
    'address article aside blockquote br dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head ' +
    'header hr li main nav ol option p pre section table tbody thead title tr ul'
  ).split(' '),
);
const entities: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', ' '],
  ['copy', '©'],
  ['reg', '®'],
  ['euro', '€'],
  ['ndash', '–'],
  ['mdash', '—'],
  ['hellip', '…'],
  ['lsquo', '‘'],
  ['rsquo', '’'],
  ['ldquo', '“'],
  ['rdquo', '”'],
  ['laquo', '«'],
  ['raquo', '»'],
  ['middot', '·'],
  ['bull', '•'],
  ['times', '×'],
  ['deg', '°'],
]);

/** Reads the text of a page. Broken HTML gives some text; the time taken grows with the length alone. */
export function htmlText(html: string): string {
  let text = '';
  for (let at = 0; at < html.length;) {
    const open = html.indexOf('<', at);
    if (open < 0) return tidy(text + html.slice(at));
    text += html.slice(at, open);
    const name = tagName(html, open);
    if (name === null) {
      text += '<';
      at = open + 1;
      continue;
    }
    if (blocks.has(name)) text += '\n';
    else if (name === 'td' || name === 'th') text += ' ';
    at = name === '!--' ? behind(html, '-->', open) : tagEnd(html, open);
    if (silent.has(name) && html[open + 1] !== '/') at = closingTag(html, name, at);
  }
  return tidy(text);
}

/** The name of the tag that opens or closes here, in lower case, `null` when it is none. */
function tagName(html: string, at: number): string | null {
  const sign = html.charCodeAt(at + 1) | 0x20;
  // A letter, `/`, `!` or `?` (with the bit of lower case): all else is a mere `<`.
  if ((sign < 0x61 || sign > 0x7a) && sign !== 0x2f && sign !== 0x21 && sign !== 0x3f) return null;
  if (html.startsWith('<!--', at)) return '!--';
  const name = /^<[/!?]?([a-z][a-z0-9]*)/i.exec(html.slice(at, at + 32))?.[1];
  return name === undefined ? null : name.toLowerCase();
}

function behind(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found < 0 ? html.length : found + mark.length;
}

/** The index behind the `>` that ends a tag; one in quotes does not end it. */
function tagEnd(html: string, from: number): number {
  let quote = '';
  for (let at = from + 1; at < html.length; at += 1) {
    const sign = html[at] ?? '';
    if (quote !== '') {
      if (sign === quote) quote = '';
    } else if (sign === '>') return at + 1;
    else if ((sign === '"' || sign === "'") && html[at - 1] === '=') quote = sign;
  }
  return html.length;
}

function closingTag(html: string, name: string, from: number): number {
  const closing = new RegExp(`</${name}`, 'gi');
  closing.lastIndex = from;
  const found = closing.exec(html);
  return found === null ? html.length : tagEnd(html, found.index);
}

function tidy(text: string): string {
  return text
    .replaceAll(
      /&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,8});/gi,
      (whole, name: string) => entity(name) ?? whole,
    )
    .split('\n')
    .map((line) => line.replaceAll(/[\s\u00a0]+/g, ' ').trim())
    .filter((line, at, lines) => line !== '' || (at > 0 && lines[at - 1] !== ''))
    .join('\n')
    .trim();
}

function entity(name: string): string | undefined {
  if (!name.startsWith('#')) return entities.get(name.toLowerCase());
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return code > 0x10ffff || code === 0 ? undefined : String.fromCodePoint(code).toWellFormed();
}
