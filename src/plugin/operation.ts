// One OpenAPI operation, self-contained: what it takes, where it goes, how it is secured.
import type { Json, JsonObject } from '../openai/chat.ts';
import { createReport, expectText, type Diagnostic, type Report } from '../openapi/diagnostic.ts';
import type { ApiDocument } from '../openapi/document.ts';
import { createReferences, type References } from '../openapi/reference.ts';
import { createSchemaReader, createSharedSchemas, type SharedSchemas } from '../openapi/schema-reader.ts';
import { entriesOf, freezeDeep, listMember, member, pointerTo, textMember } from '../openapi/value.ts';
import { linesOf } from '../openapi/line.ts';
import { bodyOfParameters, readBody, type Body } from './declared-body.ts';
import { createFilter, type FilterDecision, type OperationFilter } from './filter.ts';
import { pathName } from './legal-name.ts';
import { parameterKey, readParameters, type Parameter } from './parameter.ts';
import { findSites, resolveItem, type Site } from './path-item.ts';
import { readPath, type PathTemplate } from './path-template.ts';
import { readSchemes, readSecurity, type SecurityScheme } from './security.ts';
import { chooseServer, reportServers, type ServerContext } from './server.ts';

export type { Schema } from '../openapi/schema.ts';
export type {
  ParameterPlace,
  ParameterStyle,
  PropertyEncoding,
  ValueEncoding,
} from '../openapi/serialize.ts';
export type { Body, BodyKind } from './declared-body.ts';
export type { Parameter } from './parameter.ts';
export type { SecurityScheme } from './security.ts';

/** One operation of a document. Frozen. */
export interface Operation {
  /** The document's `operationId`, else `<method>_<path>` made legal. Unique within the plugin after `name`. */
  readonly id: string;
  /** Upper case. */
  readonly method: string;
  /** The path template, with a leading slash, without its query and fragment part. */
  readonly path: string;
  /** The `?a=1` part of the path key, decoded, in order (`openapi.md` B3). */
  readonly fixedQuery: readonly (readonly [name: string, value: string])[];
  readonly summary: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly deprecated: boolean;
  /** May change something outside (`openapi.md` N8). */
  readonly consequential: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: Body | null;
  /** Absolute base URL without a trailing slash (`https://host/base`); `null` when none is known (`server_unknown`). */
  readonly server: string | null;
  /** Alternatives, each a list of schemes that all apply; `null` when the document says nothing about security. */
  readonly security: readonly (readonly SecurityScheme[])[] | null;
  /** Media types of the declared responses, for `Accept`. */
  readonly produces: readonly string[];
  /** JSON pointer of the operation in its document. */
  readonly pointer: string;
  /** 1-based line on which it begins; `null` when unknown. */
  readonly line: number | null;
}

/** A value that replaces whatever the model says (manifest and settings `params`). `null`: hidden and never sent. */
export type Overrides = ReadonlyMap<string, Json>;

/** What reading a document's operations depends on besides the document. */
export interface OperationContext extends ServerContext {
  readonly operations: OperationFilter;
  /** Called before each operation; what it throws ends the reading. */
  readonly proceed?: () => void;
}

/** What all operations of a document share. */
interface Reading {
  readonly document: ApiDocument;
  readonly context: OperationContext;
  readonly references: References;
  readonly schemas: SharedSchemas;
  readonly report: Report;
  readonly filter: FilterDecision;
  readonly schemes: ReadonlyMap<string, SecurityScheme>;
  readonly credentials: ReadonlySet<string>;
}

const safeMethods = new Set(['GET', 'HEAD', 'QUERY']);

/**
 * Reads the operations that a document offers, in its order. One that cannot be read is left out alone, with an
 * `error`; everything repaired or dropped has a diagnostic. The document is not changed.
 */
export function readOperations(
  document: ApiDocument,
  context: OperationContext,
): { operations: Operation[]; diagnostics: Diagnostic[] } {
  const report = createReport(document.source);
  const references = createReferences(document.root);
  const schemes = readSchemes(document.root, references, report);
  const credentials = [...schemes.values()].filter((scheme) => scheme.type === 'apiKey');
  const reading: Reading = {
    document,
    context,
    references,
    schemas: createSharedSchemas(),
    report,
    schemes,
    filter: createFilter(context.operations),
    credentials: new Set(credentials.map((scheme) => parameterKey(scheme.in, scheme.parameter))),
  };
  const found: Omit<Operation, 'line'>[] = [];
  for (const [key, item] of entriesOf(member(document.root, 'paths'))) {
    // extensions stand beside the paths
    if (key.startsWith('x-')) continue;
    found.push(...readPathItem(key, item, reading));
  }
  reportDuplicates(found, report);
  for (const pattern of reading.filter.unmatched()) {
    report.warning(
      'filter-unmatched',
      '',
      `The setting "operations" names ${JSON.stringify(pattern)}, which no operation matches.`,
    );
  }
  const places = [...found, ...report.diagnostics];
  const lines = linesOf(document.text, new Set(places.map(({ pointer }) => pointer)));
  const located = <T extends { readonly pointer: string }>(one: T) => {
    return { ...one, line: lines.get(one.pointer) ?? null };
  };
  return {
    operations: found.map((one) => freezeDeep<Operation>(located(one))),
    diagnostics: report.diagnostics.map(located),
  };
}

/** Settings and policies name operations by id: of several with one id, they mean all. */
function reportDuplicates(operations: readonly Pick<Operation, 'id' | 'pointer'>[], report: Report): void {
  const seen = new Set<string>();
  for (const { id, pointer } of operations) {
    if (seen.has(id)) {
      report.warning(
        'operation-id-duplicate',
        pointer,
        `The operationId ${id} is used more than once; settings that name it mean all of them.`,
      );
    }
    seen.add(id);
  }
}

function readPathItem(key: string, written: Json, reading: Reading): Omit<Operation, 'line'>[] {
  const { report } = reading;
  const itemPointer = pointerTo('/paths', key);
  const item = resolveItem(written, itemPointer, reading.references, report);
  if (!item) return [];
  const template = readPath(key);
  if (typeof template === 'string') {
    report.error('path-refused', itemPointer, `The path ${JSON.stringify(key)} is refused: ${template}.`);
    return [];
  }
  if (template.repaired)
    report.warning(
      'path-repaired',
      itemPointer,
      `The path ${JSON.stringify(key)} has no leading slash; it is added.`,
    );
  const operations: Omit<Operation, 'line'>[] = [];
  for (const site of findSites(key, item, itemPointer, report)) {
    reading.context.proceed?.();
    const operation = readOperation(site, template, reading);
    if (operation) operations.push(operation);
  }
  return operations;
}

function readOperation(site: Site, template: PathTemplate, reading: Reading): Omit<Operation, 'line'> | null {
  const { document, context, report, references } = reading;
  const { written, pointer } = site;
  const text = (name: string): string => expectText(written, name, pointer, report);
  const id = text('operationId').trim();
  const tags = listMember(written, 'tags').filter((tag) => typeof tag === 'string');
  const name = id || pathName(site.method, template.path);
  const hidden = isHidden(written) || ['OPTIONS', 'TRACE', 'CONNECT'].includes(site.method);
  if (!reading.filter.offers({ id: name, method: site.method, key: site.key, tags, hidden })) {
    if (hidden)
      report.info(
        'operation-hidden',
        pointer,
        `The operation ${name} is deprecated or switched off; include it by name to offer it.`,
      );
    return null;
  }

  const schemas = createSchemaReader(document, references, report, reading.schemas);
  const read = readParameters(
    [
      { of: site.item, pointer: site.itemPointer },
      { of: written, pointer },
    ],
    template,
    { references, schemas, report, credentials: reading.credentials },
  );
  const bodyContext = { references, schemas, report };
  const body = readBody(member(written, 'requestBody'), pointerTo(pointer, 'requestBody'), bodyContext);
  const failure = read.failure ?? (typeof body === 'string' ? body : null);
  if (failure !== null || typeof body === 'string') {
    report.error('operation-failed', pointer, `The operation ${name} cannot be offered: ${failure}.`);
    return null;
  }
  if (isOwnFile(template.path)) {
    report.info(
      'well-known-path',
      pointer,
      `The operation ${name} reads one of the plugin's own files; exclude it if it is of no use.`,
    );
  }
  const levels = [member(written, 'servers'), member(site.item, 'servers'), member(document.root, 'servers')];
  const choice = chooseServer(levels, member(document.root, 'info'), context);
  const places = [pointer, site.itemPointer, ''].map((place) => pointerTo(place, 'servers'));
  const nearest = levels.findIndex((level) => level !== undefined);
  reportServers(choice, nearest >= 0 || context.server !== null, places[nearest] ?? '', report);
  const isConsequential = member(written, 'x-openai-isConsequential');
  return {
    id: name,
    method: site.method,
    path: template.path,
    fixedQuery: template.fixedQuery,
    summary: text('summary') || (textMember(site.item, 'summary') ?? ''),
    description: text('description') || (textMember(site.item, 'description') ?? ''),
    tags,
    deprecated: member(written, 'deprecated') === true,
    consequential: typeof isConsequential === 'boolean' ? isConsequential : !safeMethods.has(site.method),
    parameters: read.parameters,
    body: body ?? bodyOfParameters(read.bodyParts, bodyContext),
    server: choice.url,
    security: readSecurity(written, document.root, reading.schemes, pointer, report),
    produces: readProduces(written, references, pointer),
    pointer,
  };
}

/** N7: the plugin's manifest, document or logo, which frameworks list among the operations. */
function isOwnFile(path: string): boolean {
  const last = path.toLowerCase().slice(path.lastIndexOf('/') + 1);
  return (
    path.startsWith('/.well-known/') || (last.includes('logo') && /\.(?:png|jpe?g|svg|ico|webp)$/.test(last))
  );
}

/** N7: operations that their author or OpenAPI marks as not for this use. */
function isHidden(written: JsonObject): boolean {
  return (
    member(written, 'deprecated') === true ||
    member(written, 'x-mcp') === false ||
    member(member(written, 'x-speakeasy-mcp'), 'disabled') === true
  );
}

function readProduces(written: JsonObject, references: References, pointer: string): string[] {
  const types = new Set<string>();
  for (const [status, response] of entriesOf(member(written, 'responses'))) {
    const target = references.follow(response, pointerTo(pointer, 'responses', status));
    if (target.kind !== 'found') continue;
    for (const [type] of entriesOf(member(target.value, 'content'))) types.add(type);
  }
  return [...types];
}
