// Takes known secrets out of text, however they are written (S5).

const mask = '[redacted]';

/** Secrets that are shorter are not looked for: they would be found in innocent words. */
const shortest = 6;
const fewStarts = 64;

/**
 * Makes a function that replaces every given secret in a text: plain, base64 (also as a part of a longer one, as in
 * Basic authentication), hexadecimal, percent-encoded and JSON-escaped. What looks like a key of a caller (`Bearer ...`, `sk-...`)
 * goes too. The time taken depends on the text, not on the number of secrets.
 */
export function createScrubber(secrets: Iterable<string>): (text: string) => string {
  const maskKnown = createMask(secrets);
  return (text) => replaceKeys(maskKnown(text));
}

/** As {@link createScrubber}, but for texts whose other words matter: only the given secrets go ("basic arithmetic" stays). */
export function createMask(secrets: Iterable<string>): (text: string) => string {
  const forms = [...new Set(Array.from(secrets).flatMap(spellings))].toSorted((a, b) => b.length - a.length);
  const byStart = Map.groupBy(forms, (form) => form.slice(0, shortest));
  const starts = [...byStart.keys()];
  const pairs = new Uint8Array(pairCount);
  for (const start of starts) pairs[pairAt(start, 0)] = 1;
  return (text) => {
    // Few secrets and a long text, as in a plugin's answer: looking whether one is there is 100 times faster.
    if (starts.length <= fewStarts && !starts.some((start) => text.includes(start))) return text;
    return replaceKnown(text, byStart, pairs);
  };
}

const pairCount = 0x1_0000;

/** A number for two characters; some pairs share one. */
function pairAt(text: string, at: number): number {
  return ((text.charCodeAt(at) << 8) ^ text.charCodeAt(at + 1)) & (pairCount - 1);
}

/** `pairs` tells with which two characters no secret begins: most places of a text need no second look. */
function replaceKnown(
  text: string,
  byStart: ReadonlyMap<string, readonly string[]>,
  pairs: Uint8Array,
): string {
  let clean = '';
  let copied = 0;
  let at = 0;
  while (at + shortest <= text.length) {
    const forms = pairs[pairAt(text, at)] === 1 ? byStart.get(text.slice(at, at + shortest)) : undefined;
    const found = forms?.find((form) => text.startsWith(form, at));
    if (found === undefined) {
      at += 1;
      continue;
    }
    clean += text.slice(copied, at) + mask;
    at += found.length;
    copied = at;
  }
  return clean + text.slice(copied);
}

function replaceKeys(text: string): string {
  return text
    .replace(/\b(bearer|basic) +[A-Za-z0-9+/=._~-]{8,}/gi, `$1 ${mask}`)
    .replace(/\bsk-[A-Za-z0-9_-]{8,}/g, mask);
}

function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const percent = encodeURIComponent(secret.toWellFormed());
  const lowerPercent = percent.replace(/%../g, (escape) => escape.toLowerCase());
  const json = JSON.stringify(secret).slice(1, -1);
  const forms = [secret, hex, hex.toUpperCase(), percent, lowerPercent, json, ...base64Cores(bytes)];
  return secret.length < shortest ? [] : forms.filter((form) => form.length >= shortest);
}

/** What base64 shows of the bytes at each of the three places where they can begin in a longer text. */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
