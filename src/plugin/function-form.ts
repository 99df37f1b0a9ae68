// The functions of a snapshot in the form that an upstream takes; each is made once per form, when first asked for.
import type { FunctionForm } from '../openai/function-form.ts';
import { createReport, type Diagnostic } from '../openapi/diagnostic.ts';
import { freezeDeep } from '../openapi/value.ts';
import {
  fitBudget,
  makeDefinition,
  tooLong,
  type FunctionDefinition,
  type FunctionParts,
} from './function-budget.ts';
import { findFault } from './function-fault.ts';
import type { PluginFunction } from './function.ts';
import { cutText } from './model-text.ts';
import { fitSchema } from './profile-schema.ts';
import { profiles, strictProfile, type Profile, type StrictLimits } from './profile.ts';
import { findStrictFault, makeStrict } from './strict-schema.ts';

/** A function as one kind of upstream gets it. Frozen. */
export interface FormedFunction {
  readonly definition: FunctionDefinition;
  /** `JSON.stringify(definition)`: the same bytes in every request, process and replica (M16). */
  readonly text: string;
  /** In its arguments a `null` stands for what is left out (S8). */
  readonly strict: boolean;
}

/** A function in a form; `null` when such an upstream would refuse it, and the whole request with it (S7). */
export type FormFunction = (fn: PluginFunction, form: FunctionForm) => FormedFunction | null;

/** Makes the way from functions to their forms. They are kept as long as the functions live. `onFinding` hears once. */
export function createFunctionForms(onFinding: (finding: Diagnostic) => void): FormFunction {
  const forms = new Map<string, WeakMap<PluginFunction, { readonly formed: FormedFunction | null }>>();
  return (fn, form) => {
    const key = `${form.profile} ${form.strict}`;
    const known = forms.get(key) ?? new WeakMap<PluginFunction, { readonly formed: FormedFunction | null }>();
    forms.set(key, known);
    const ready = known.get(fn);
    if (ready) return ready.formed;
    const { formed, diagnostics } = formFunction(fn, form);
    for (const finding of diagnostics) onFinding(finding);
    known.set(fn, { formed });
    return formed;
  };
}

/** Makes one function in a form. The source of the diagnostics is the plugin. */
export function formFunction(
  fn: PluginFunction,
  form: FunctionForm,
): { formed: FormedFunction | null; diagnostics: Diagnostic[] } {
  const { definition, description, text, name, operation } = fn;
  const profile = profiles[form.profile];
  const report = createReport(fn.plugin);
  const { diagnostics } = report;
  const parts = describe(definition.function, description, profile);
  if (form.strict && profile.strict) {
    const strict = formStrict(parts, profile, profile.strict);
    if (typeof strict !== 'string') return { formed: strict, diagnostics };
    report.info(
      'not-strict',
      operation.pointer,
      `The function ${name} is not sent as strict: it has ${strict}.`,
    );
  }
  if (profile === profiles.common) return { formed: { definition, text, strict: false }, diagnostics };
  const fit = (whole: FunctionParts) => ({ ...whole, parameters: fitSchema(whole.parameters, profile) });
  const made = fitBudget(parts, operation, report, fit);
  const fault = findFault(made.definition.function, profile);
  if (fault === null) return { formed: freezeDeep({ ...made, strict: false }), diagnostics };
  const message = `The function ${name} is left out where the profile is ${form.profile}: ${fault}.`;
  report.warning('function-rejected', operation.pointer, message);
  return { formed: null, diagnostics };
}

/** S8: the strict form, or what of the function keeps it from having one; words that follow "it has". */
function formStrict(
  { name, description, parameters }: FunctionParts,
  profile: Profile,
  limits: StrictLimits,
): FormedFunction | string {
  const fault = findStrictFault(parameters, limits);
  if (fault !== null) return fault;
  const parts = { name, description, parameters: fitSchema(parameters, strictProfile(profile)) };
  const refused = findFault(parts, profile);
  if (refused !== null) return `a fault: ${refused}`;
  const made = makeDefinition({ ...parts, parameters: makeStrict(parts.parameters), strict: true });
  // Complete and not strict says more than strict and cut.
  return tooLong(made.text) ? 'more than 5,000 tokens then' : freezeDeep({ ...made, strict: true });
}

/** Where a profile takes more than `common`, a description that was cut for it is shown whole, if the budget allows. */
function describe(parts: FunctionParts, description: string, { longestDescription }: Profile): FunctionParts {
  const wasCut = description.length > parts.description.length;
  const isComplete = parts.description === cutText(description, profiles.common.longestDescription);
  if (!wasCut || !isComplete || description.length > longestDescription) return parts;
  const whole = { ...parts, description };
  return tooLong(makeDefinition(whole).text) ? parts : whole;
}
