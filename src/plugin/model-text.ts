// Texts of manifests and documents as the model reads them (`openapi.md` S1, `security.md` D11).

/** Tags of HTML, by name: `<id>` in a text is no tag. */
const inlineTag =
  /<\/?(?:a|abbr|b|code|em|font|i|img|kbd|mark|pre|s|small|span|strong|sub|sup|u)(?:\s[^<>]*)?\/?>/gi;
const blockTag =
  /<\/?(?:blockquote|br|center|dd|details|div|dl|dt|h[1-6]|hr|li|ol|p|section|summary|table|tbody|td|th|thead|tr|ul)(?:\s[^<>]*)?\/?>/gi;

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&nbsp;': ' ',
};

/** Control, bidi and invisible characters; what emoji and Persian need stays. */
const invisible =
  // oxlint-disable-next-line no-control-regex -- these are what has to go
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

function decodeEntity(entity: string): string {
  const named = entities[entity.toLowerCase()];
  if (named !== undefined) return named;
  const code = /^&#x/i.test(entity)
    ? Number.parseInt(entity.slice(3), 16)
    : Number.parseInt(entity.slice(2), 10);
  return code > 31 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff)
    ? String.fromCodePoint(code)
    : '';
}

/** What a clean text does not have: anything but plain ASCII, `&`, `<`, needless blanks. */
const unclean = /[^ !-%'-;=-~]| {2}|^ | $/;

/** A text without HTML tags, entities, invisible characters and needless blanks; Markdown and braces stay. */
export function cleanText(text: string): string {
  if (!unclean.test(text)) return text;
  return text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(inlineTag, '')
    .replaceAll(blockTag, ' ')
    .replaceAll(/&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,7}|#x[0-9a-f]{1,6});/gi, decodeEntity)
    .replaceAll(invisible, '')
    .replaceAll(/[ \t\u00a0]+/g, ' ')
    .replaceAll(/ ?\n[ \n]*/g, '\n')
    .trim();
}

/** Texts in order, each cleaned, on a line of its own; one that another one contains is left out. */
export function joinTexts(...texts: readonly string[]): string {
  let joined = '';
  for (const text of texts.map(cleanText)) {
    if (text === '' || joined.includes(text)) continue;
    joined = text.includes(joined) ? text : `${joined}\n${text}`;
  }
  return joined;
}

/** The text cut to at most `most` characters: behind a sentence, else a word. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text
    .slice(0, most - 1)
    .toWellFormed()
    .replace(/\uFFFD$/, '');
  const sentence = Math.max(
    head.lastIndexOf('. '),
    head.lastIndexOf('.\n'),
    head.lastIndexOf('! '),
    head.lastIndexOf('? '),
  );
  if (sentence > most / 2) return head.slice(0, sentence + 1);
  const word = Math.max(head.lastIndexOf(' '), head.lastIndexOf('\n'));
  return `${head.slice(0, word > most / 2 ? word : head.length)}\u2026`;
}
