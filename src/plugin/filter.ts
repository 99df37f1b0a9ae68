// Which operations of a document are offered (`openapi.md` N7).

/** `settings.operations`: operationId, tag, or `GET /path`; `*` stands for any text. `exclude` wins. */
export interface OperationFilter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What a filter looks at. */
export interface FilterSubject {
  readonly id: string;
  readonly method: string;
  /** The path key as the document writes it. */
  readonly key: string;
  readonly tags: readonly string[];
  /** Deprecated, `x-mcp: false` and the like, or a method that is off: offered only when included by name. */
  readonly hidden: boolean;
}

/** Decides for one operation after another, and knows which patterns never matched. */
export interface FilterDecision {
  offers(subject: FilterSubject): boolean;
  unmatched(): string[];
}

/** Matches `*` against any text, in linear time. */
function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return pattern === text;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

function namesOf(subject: FilterSubject): string[] {
  return [subject.id, `${subject.method} ${subject.key}`];
}

/** A decision for one document. */
export function createFilter(filter: OperationFilter): FilterDecision {
  const unmatched = new Set([...filter.include, ...filter.exclude]);
  const hits = (patterns: readonly string[], subject: FilterSubject): string[] => {
    const found = patterns.filter((pattern) =>
      [...namesOf(subject), ...subject.tags].some((text) => matches(pattern, text)),
    );
    for (const pattern of found) unmatched.delete(pattern);
    return found;
  };
  return {
    offers(subject) {
      const included = hits(filter.include, subject);
      if (hits(filter.exclude, subject).length > 0) return false;
      if (subject.hidden) return included.some((pattern) => namesOf(subject).includes(pattern));
      return filter.include.length === 0 || included.length > 0;
    },
    unmatched: () => [...unmatched],
  };
}
