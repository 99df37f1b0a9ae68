// The profiles of upstreams: whether each API would take every function, whether all is still said, and what it costs.
import type { ProfileName } from '../../src/openai/function-form.ts';
import { formFunction } from '../../src/plugin/function-form.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { countTokens } from '../../src/plugin/token-count.ts';
import { generalDocuments, genuineLabels, readText, storePlugins } from './data.ts';
import { convertDocument } from './ours.ts';
import { findLosses, findRefusal, findStrictRefusal, profileNames } from './profile-rules.ts';
import type { Progress } from './progress.ts';
import { count, percent, table, type Section } from './report.ts';

/** General documents with more operations are left out here: some of them hold gigabytes of tokens. */
const mostOperations = 1000;

/** What became of the functions of some documents in one form. */
interface Sums {
  functions: number;
  legal: number;
  /** Shortened because the words of this form exceed the budget. */
  shortened: number;
  whole: number;
  strict: number;
  tokens: number;
}

const nothing: Sums = { functions: 0, legal: 0, shortened: 0, whole: 0, strict: 0, tokens: 0 };

interface Row {
  readonly profile: ProfileName;
  readonly strict: boolean;
  readonly store: Sums;
  readonly general: Sums;
}

type Start = (title: string, total: number) => Progress;

/** Part 5. */
export function checkProfiles(shared: string, start: Start): { section: Section; failures: string[] } {
  const failures: string[] = [];
  const store = storePlugins(shared).filter(
    ({ label, documentFile }) => genuineLabels.includes(label) && documentFile !== null,
  );
  const general = generalDocuments(shared).filter(({ operations }) => operations <= mostOperations);
  const rows = [...profileNames.map((profile) => ({ profile, strict: false })), ...strictForms].map(
    (form): Row => ({ ...form, store: { ...nothing }, general: { ...nothing } }),
  );
  const progress = start('profiles', store.length + general.length);
  const addAll = (set: 'store' | 'general', name: string, file: string): void => {
    for (const fn of convertDocument(readText(file), name, []).functions)
      for (const row of rows)
        add(row[set], fn, row, (fault) => failures.push(`${name} ${fn.name}: ${fault}`));
    progress.step(name);
  };
  for (const { name, documentFile } of store) addAll('store', name, documentFile ?? '');
  for (const { name, file } of general) addAll('general', name, file);
  progress.end();
  return { section: write(rows, general.length), failures };
}

const strictForms = (['openai', 'azure'] as const).map((profile) => ({ profile, strict: true }));

function add(sums: Sums, fn: PluginFunction, form: Row, fail: (fault: string) => void): void {
  const { profile, strict } = form;
  const { formed, diagnostics } = formFunction(fn, form);
  sums.functions += 1;
  if (formed === null) return fail(`${profile}: ${diagnostics[0]?.message ?? 'left out'}`);
  const shown = formed.definition.function;
  const refusal = formed.strict ? findStrictRefusal(shown) : findRefusal(shown, profile);
  if (refusal === null) sums.legal += 1;
  else fail(`${profile} ${strict ? 'strict' : ''}: ${refusal}`);
  if (formed.strict) sums.strict += 1;
  sums.tokens += countTokens(formed.text);
  if (diagnostics.some(({ code }) => code === 'function-trimmed' || code === 'function-large')) {
    sums.shortened += 1;
    return;
  }
  const [loss] = findLosses(fn.definition.function.parameters, shown.parameters);
  if (loss === undefined) sums.whole += 1;
  else fail(`${profile} ${strict ? 'strict' : ''}: ${loss.slice(0, 200)}`);
}

function write(rows: readonly Row[], documents: number): Section {
  const cells = rows.map(({ profile, strict, store, general }) => {
    const whole = store.whole + general.whole;
    const complete = store.functions + general.functions - store.shortened - general.shortened;
    return [
      strict ? `\`${profile}\`, \`strict: true\`` : `\`${profile}\``,
      percent(store.legal + general.legal, store.functions + general.functions),
      percent(whole, complete),
      count(store.shortened + general.shortened),
      count(store.tokens),
      count(general.tokens),
    ];
  });
  const [first] = rows;
  const strict = rows.find((row) => row.strict);
  const text = [
    '## Profiles of upstreams',
    '',
    `${count(first?.store.functions ?? 0)} functions of the store and ${count(first?.general.functions ?? 0)} of ${count(documents)} general documents of up to ${count(mostOperations)} operations, in the form that each kind of upstream gets. The rules of each API are written down a second time for this, from its descriptions and refusals. A keyword that an API does not take has to stand in the description in words.`,
    '',
    table(
      [
        'profile',
        'legal there',
        'say all that `common` says',
        'shortened for it',
        'tokens, store',
        'tokens, general',
      ],
      cells,
    ),
    '',
    `Shortened: with the words in place of keywords the function exceeds 5,000 tokens, and has less detail. Of the functions of the store ${percent(strict?.store.strict ?? 0, strict?.store.functions ?? 0)} have a strict form at OpenAI, of the general ones ${percent(strict?.general.strict ?? 0, strict?.general.functions ?? 0)}; all others are sent as usual.`,
  ].join('\n');
  return { name: 'profiles', text };
}
