// Swagger 2.0 in its OpenAPI 3.0 form, by a library that trusts its input: what it would lose or choke on is seen to here.
import { upgradeFromTwoToThree } from '@scalar/openapi-upgrader/2.0-to-3.0';
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from './diagnostic.ts';
import { pathMethods } from './path-method.ts';
import {
  entriesOf,
  isObject,
  listMember,
  member,
  pointerSteps,
  pointerTo,
  setMember,
  textMember,
} from './value.ts';

const multipart = 'multipart/form-data';
const urlencoded = 'application/x-www-form-urlencoded';

/**
 * D7: Swagger 2.0 in its 3.0 form. Not further: 3.0 is read as it is, and keeps 2.0's rule for the siblings of a
 * reference (F5). The upgrader changes what it is given, so it gets a copy, without shared nodes.
 */
export function upgradeSwagger(read: JsonObject, report: Report): JsonObject {
  const copy = JSON.parse(JSON.stringify({ ...read, swagger: '2.0' })) as JsonObject;
  prepareSwagger(copy);
  report.info('upgraded', '', 'Swagger 2.0 was upgraded to OpenAPI 3.0 before reading.');
  const whole = tryUpgrade(copy);
  if (whole) return whole;
  return upgradeByPath(read, report);
}

function tryUpgrade(document: JsonObject): JsonObject | null {
  try {
    const upgraded: unknown = upgradeFromTwoToThree(document);
    return isObject(upgraded) ? upgraded : null;
  } catch {
    // the upgrader trusts the shape of operations, parameters and responses
    return null;
  }
}

/** Each path on its own, where the whole fails: one malformed operation must not lose the others (D1). */
function upgradeByPath(read: JsonObject, report: Report): JsonObject {
  const { paths, ...rest } = read;
  const fresh = (part: JsonObject): JsonObject | null => {
    const copy = JSON.parse(JSON.stringify({ ...rest, ...part, swagger: '2.0' })) as JsonObject;
    prepareSwagger(copy);
    return tryUpgrade(copy);
  };
  const root = fresh({ paths: {} }) ?? { openapi: '3.0.4' };
  const upgraded: JsonObject = {};
  for (const [path, item] of entriesOf(paths)) {
    const part: JsonObject = {};
    setMember(part, path, item);
    const one = member(member(fresh({ paths: part }) ?? undefined, 'paths'), path);
    if (one !== undefined) setMember(upgraded, path, one);
    else
      report.error(
        'upgrade-failed',
        pointerTo('/paths', path),
        `The path ${path} is too malformed to be upgraded from Swagger 2.0.`,
      );
  }
  return { ...root, paths: upgraded };
}

/**
 * Makes up for what the upgrader loses: references to shared body and form parameters, which it would leave among the
 * parameters, and the separators `tsv` (anywhere) and `csv` (in forms).
 */
function prepareSwagger(root: JsonObject): void {
  const shared = member(root, 'parameters');
  const holders = entriesOf(member(root, 'paths')).flatMap(([, item]) => [
    item,
    ...pathMethods.map((method) => member(item, method)),
  ]);
  for (const holder of holders) {
    const list = member(holder, 'parameters');
    if (isObject(holder) && Array.isArray(list)) {
      holder['parameters'] = list.map((parameter) => inlineBodyPart(parameter, shared));
    }
  }
  for (const holder of holders) if (isObject(holder)) chooseFormType(holder, root);
  const all = [
    ...holders.flatMap((holder) => listMember(holder, 'parameters')),
    ...entriesOf(shared).map(([, one]) => one),
  ];
  for (const parameter of all) {
    if (!isObject(parameter) || parameter['type'] !== 'array') continue;
    if (parameter['in'] === 'formData') parameter['collectionFormat'] ??= 'csv';
    else if (parameter['collectionFormat'] === 'tsv')
      Object.assign(parameter, { style: 'tabDelimited', explode: false });
  }
}

/** The upgrader sends every form as multipart unless told otherwise: only files need that. */
function chooseFormType(holder: JsonObject, root: JsonObject): void {
  const fields = listMember(holder, 'parameters').filter((one) => member(one, 'in') === 'formData');
  if (fields.length === 0) return;
  const consumes = listMember(member(holder, 'consumes') === undefined ? root : holder, 'consumes');
  const forms = consumes.filter((type) => type === multipart || type === urlencoded);
  const hasFile = fields.some((one) => member(one, 'type') === 'file');
  holder['consumes'] = hasFile ? [multipart] : forms.length > 0 ? forms : [urlencoded];
}

function inlineBodyPart(parameter: Json, shared: Json | undefined): Json {
  const reference = textMember(parameter, '$ref');
  const step = reference?.startsWith('#/parameters/') ? pointerSteps(reference.slice(1))[1] : undefined;
  const target = step === undefined ? undefined : member(shared, step);
  const place = textMember(target, 'in');
  return isObject(target) && (place === 'body' || place === 'formData') ? { ...target } : parameter;
}
