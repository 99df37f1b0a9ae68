// Texts made of the characters that names of functions and arguments may have (`openapi.md` N1).

/** A text made of characters that a function name may have (N1). */
export function legalName(text: string): string {
  const legal = text.replaceAll(/[^A-Za-z0-9_-]+/g, '_');
  let start = 0;
  let end = legal.length;
  while (start < end && legal[start] === '_') start += 1;
  while (end > start && legal[end - 1] === '_') end -= 1;
  return legal.slice(start, end);
}

/** N1: the name of an operation without an id. */
export function pathName(method: string, path: string): string {
  return legalName(`${legalName(method.toLowerCase())}_${legalName(path)}`) || 'op';
}
