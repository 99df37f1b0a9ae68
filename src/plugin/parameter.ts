// The parameters of one operation: inherited, completed, degraded one by one.
import type { JsonObject } from '../openai/chat.ts';
import { expectText, type Report } from '../openapi/diagnostic.ts';
import type { References } from '../openapi/reference.ts';
import type { SchemaReader } from '../openapi/schema-reader.ts';
import type { Schema } from '../openapi/schema.ts';
import type { ParameterPlace, ParameterStyle, ValueEncoding } from '../openapi/serialize.ts';
import { entriesOf, isObject, listMember, member, pointerTo, textMember } from '../openapi/value.ts';
import type { PathTemplate } from './path-template.ts';

/** A declared parameter. Hidden ones (overridden, reserved headers) are here too; `function.ts` leaves them out. */
export interface Parameter extends ValueEncoding {
  readonly name: string;
  readonly in: ParameterPlace;
  readonly required: boolean;
  readonly description: string;
  readonly deprecated: boolean;
  readonly allowEmptyValue: boolean;
  readonly schema: Schema;
  /** A security scheme of the document fills it, never the model (N10). */
  readonly credential?: true;
}

/** What the parameters of an operation are read with. */
export interface ParameterContext {
  readonly references: References;
  readonly schemas: SchemaReader;
  readonly report: Report;
  /** `in name` of every apiKey scheme of the document, as {@link parameterKey} writes it. */
  readonly credentials: ReadonlySet<string>;
}

/** The parameters, and what stood among them but is the body (`in: body`, `in: formData`: D10). */
export interface ReadParameters {
  readonly parameters: Parameter[];
  readonly bodyParts: readonly { readonly value: JsonObject; readonly pointer: string }[];
  /** Why the operation cannot be called, if so. */
  readonly failure: string | null;
}

const styles: Readonly<Record<ParameterPlace, readonly ParameterStyle[]>> = {
  path: ['simple', 'label', 'matrix', 'spaceDelimited', 'pipeDelimited', 'tabDelimited'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'tabDelimited', 'deepObject'],
  header: ['simple', 'spaceDelimited', 'pipeDelimited', 'tabDelimited'],
  cookie: ['form'],
};

/** Keywords of a schema that authors and Swagger 2.0 put on the parameter itself (D10). */
const lifted = [
  'type',
  'format',
  'enum',
  'default',
  'items',
  'minimum',
  'maximum',
  'pattern',
  'minLength',
  'maxLength',
];

/** Names one parameter of an operation: headers compare without case. */
export function parameterKey(place: string, name: string): string {
  return `${place} ${place === 'header' ? name.toLowerCase() : name}`;
}

interface Declared {
  readonly value: JsonObject;
  readonly pointer: string;
}

/** Reads path-level and own parameters: the operation's override by (name, in); every `{x}` of the path exists (N9). */
export function readParameters(
  lists: readonly { readonly of: JsonObject; readonly pointer: string }[],
  template: PathTemplate,
  context: ParameterContext,
): ReadParameters {
  const { report } = context;
  const declared = new Map<string, Declared>();
  const bodyParts: Declared[] = [];
  let failure: string | null = null;
  for (const { of, pointer } of lists) {
    for (const one of declaredIn(of, pointerTo(pointer, 'parameters'), context)) {
      const place = placeOf(one.value, template, one.pointer, report);
      if (place === 'body' || place === 'formData') bodyParts.push(one);
      else declared.set(parameterKey(place, textMember(one.value, 'name') ?? ''), one);
    }
  }
  const parameters: Parameter[] = [];
  for (const one of declared.values()) {
    const parameter = readParameter(one, template, context);
    if (typeof parameter === 'string') failure ??= parameter;
    else if (parameter) parameters.push(parameter);
  }
  return { parameters: complete(parameters, template), bodyParts, failure };
}

/** The parameters of one list, references followed; empty places are passed over (D12). */
function declaredIn(of: JsonObject, at: string, { references, report }: ParameterContext): Declared[] {
  const list = member(of, 'parameters') ?? [];
  if (!Array.isArray(list)) report.warning('misplaced', at, '"parameters" is no list; it is ignored.');
  return listMember(of, 'parameters').flatMap((written, index) => {
    if (written === null) return [];
    const pointer = pointerTo(at, index);
    const target = references.follow(written, pointer);
    if (target.kind === 'found' && isObject(target.value)) return [{ value: target.value, pointer }];
    // one that may be optional is left out (F6); a path variable comes back as an undeclared one
    if (target.kind === 'found') {
      report.warning('misplaced', pointer, 'A parameter has to be an object; this one is left out.');
    } else {
      const message = `The reference ${target.reference} cannot be followed; the parameter is left out.`;
      report.warning('ref-broken', pointer, message);
    }
    return [];
  });
}

function placeOf(value: JsonObject, template: PathTemplate, pointer: string, report: Report): string {
  const place = textMember(value, 'in');
  if (place !== undefined) return place;
  const name = textMember(value, 'name') ?? '';
  const guess = template.variables.includes(name) ? 'path' : 'query';
  report.warning('misplaced', pointer, `The parameter ${name} has no "in"; ${guess} is taken.`);
  return guess;
}

/** One parameter; `null` when it is left out; a text when the operation cannot be called without it. */
function readParameter(
  one: Declared,
  template: PathTemplate,
  context: ParameterContext,
): Parameter | string | null {
  const { value, pointer } = one;
  const { report } = context;
  const name = textMember(value, 'name');
  const place = textMember(value, 'in') ?? (template.variables.includes(name ?? '') ? 'path' : 'query');
  const required =
    place === 'path' || member(value, 'required') === true || member(value, 'required') === 'true';
  const leaveOut = (why: string): string | null => {
    if (required && place !== 'path') return `the required parameter ${name ?? ''} ${why}`;
    report.warning('parameter-ignored', pointer, `The parameter ${name ?? ''} ${why}; it is left out.`);
    return null;
  };
  if (name === undefined || name === '') return leaveOut('has no name');
  if (!isPlace(place)) return leaveOut(`is in ${JSON.stringify(place)}, which is not supported`);
  if (place === 'path' && !template.variables.includes(name)) {
    if (!template.queryVariables.has(name)) return leaveOut('does not occur in the path');
  }
  const [contentType, schema] = readSchema(value, pointer, context);
  const style = styleOf(value, place, pointer, report);
  const explode = member(value, 'explode');
  return {
    name,
    in: place,
    required,
    description: expectText(value, 'description', pointer, report),
    deprecated: member(value, 'deprecated') === true,
    allowEmptyValue: member(value, 'allowEmptyValue') === true,
    schema,
    style,
    explode: typeof explode === 'boolean' ? explode : style === 'form',
    allowReserved: member(value, 'allowReserved') === true,
    contentType,
    ...(context.credentials.has(parameterKey(place, name)) && { credential: true }),
  };
}

function isPlace(place: string): place is ParameterPlace {
  return place === 'path' || place === 'query' || place === 'header' || place === 'cookie';
}

function styleOf(value: JsonObject, place: ParameterPlace, pointer: string, report: Report): ParameterStyle {
  const normal = place === 'path' || place === 'header' ? 'simple' : 'form';
  const declared = member(value, 'style');
  if (declared === undefined) return normal;
  const style = styles[place].find((one) => one === declared);
  if (!style)
    report.warning(
      'misplaced',
      pointer,
      `The style ${JSON.stringify(declared)} does not exist in ${place}; ${normal} is taken.`,
    );
  return style ?? normal;
}

/** The schema, and the media type of a parameter that has `content` instead. */
function readSchema(value: JsonObject, pointer: string, context: ParameterContext): [string | null, Schema] {
  const content = entriesOf(member(value, 'content'))[0];
  if (content && member(value, 'schema') === undefined) {
    const [type, media] = content;
    return [
      type,
      context.schemas.read(member(media, 'schema'), pointerTo(pointer, 'content', type, 'schema')),
    ];
  }
  const schema = member(value, 'schema');
  if (schema !== undefined) return [null, context.schemas.read(schema, pointerTo(pointer, 'schema'))];
  const beside: JsonObject = {};
  for (const keyword of lifted) {
    const found = member(value, keyword);
    if (found !== undefined) beside[keyword] = found;
  }
  if (Object.keys(beside).length > 0) {
    context.report.warning(
      'misplaced',
      pointer,
      `"${Object.keys(beside).join('", "')}" belong into a "schema" of the parameter.`,
    );
  }
  return [null, context.schemas.read(beside, pointer)];
}

/** Path variables that nobody declared are required strings; a variable of the query part is a query value (B3). */
function complete(declared: readonly Parameter[], template: PathTemplate): Parameter[] {
  const parameters: Parameter[] = [];
  const byName = (name: string, place?: ParameterPlace): Parameter | undefined =>
    declared.find((one) => one.name === name && (place === undefined || one.in === place));
  for (const name of template.variables)
    parameters.push(byName(name, 'path') ?? undeclared(name, 'path', 'simple'));
  const moved = new Set<Parameter>();
  for (const [variable, name] of template.queryVariables) {
    const source = byName(variable, 'path') ?? byName(variable) ?? byName(name, 'query');
    if (source && !template.variables.includes(source.name)) moved.add(source);
    const base = source ?? undeclared(name, 'query', 'form');
    parameters.push(
      base.in === 'query' ? { ...base, name } : { ...base, name, in: 'query', style: 'form', explode: true },
    );
  }
  for (const one of declared) {
    const taken = parameters.some(
      (other) => parameterKey(other.in, other.name) === parameterKey(one.in, one.name),
    );
    if (one.in !== 'path' && !moved.has(one) && !taken) parameters.push(one);
  }
  return parameters;
}

function undeclared(name: string, place: ParameterPlace, style: ParameterStyle): Parameter {
  return {
    name,
    in: place,
    required: true,
    description: '',
    deprecated: false,
    allowEmptyValue: false,
    schema: { type: 'string' },
    style,
    explode: style === 'form',
    allowReserved: false,
    contentType: null,
  };
}
