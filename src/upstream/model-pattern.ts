// Patterns in which `*` stands for any text: names of models, hosts.

/** Whether a model's name fits one of the patterns; what can be told beforehand is told once. */
export function createModelMatcher(patterns: readonly string[]): (model: string) => boolean {
  if (patterns.includes('*')) return () => true;
  const names = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const open = patterns.filter((pattern) => pattern.includes('*'));
  return (model) => names.has(model) || open.some((pattern) => matchesModel(pattern, model));
}

/** Whether a model's name fits a pattern in which `*` stands for any text. Linear in the name for each star. */
export function matchesModel(pattern: string, model: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === model;
  if (!model.startsWith(head)) return false;
  let at = head.length;
  for (const part of rest) {
    const found = model.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return model.length - at >= tail.length && model.endsWith(tail);
}
