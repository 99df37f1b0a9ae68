// The other converters: each reads a document's text and says what functions it would show a model.
import { createRequire } from 'node:module';
import { declaredOperations } from './declared.ts';
import { convertDocument, hiddenSites, originsOf, siteOfFunction } from './ours.ts';
import { parseTree } from './tree.ts';
import type { FindOrigins, Origin, ShownFunction } from './kept.ts';

/** A function of another converter, and the operation that it is for. */
export interface OtherFunction extends ShownFunction {
  /** `GET /path`; `null`: not said, found by what is left. */
  readonly site: string | null;
  readonly origins?: FindOrigins;
}

export interface Converter {
  readonly name: string;
  /** The package and, for the table, what of it runs. */
  readonly package: string;
  /** Throws what the library throws. */
  convert(text: string, file: string): Promise<OtherFunction[]>;
  readonly origins: FindOrigins;
}

type Loose = Record<string, unknown>;
/** A package of this folder alone, so without types here. */
const load = async (name: string): Promise<Loose> => (await import(name)) as Loose;
/** A file that its package does not export by name. */
const inPackage = (name: string, file: string) =>
  new URL(`node_modules/${name}/${file}`, import.meta.url).href;
const call = (target: unknown, ...given: readonly unknown[]): unknown =>
  (target as (...given: readonly unknown[]) => unknown)(...given);
const construct = (target: unknown, ...given: readonly unknown[]): Loose =>
  new (target as new (...given: readonly unknown[]) => Loose)(...given);
const shape = (name: unknown, description: unknown, parameters: unknown): ShownFunction => ({
  name: String(name),
  description: typeof description === 'string' ? description : '',
  parameters,
});

const both = (name: string): readonly Origin[] => [
  { of: 'parameter', name },
  { of: 'body', name },
];

const langchain: Converter = {
  name: 'LangChain',
  package: '@langchain/classic',
  async convert(text) {
    const { OpenAPISpec } = await load(inPackage('@langchain/classic', 'dist/util/openapi.js'));
    const { convertOpenAPISpecToOpenAIFunctions: convert } = await load('@langchain/classic/chains');
    // its own call order: JSON, else YAML, then the object
    const spec = call(Reflect.get(OpenAPISpec as object, 'fromString').bind(OpenAPISpec), text) as Loose;
    const { openAIFunctions } = call(convert, spec) as { openAIFunctions: Loose[] };
    const sites = sitesInOrder(spec['document'] as Loose, [
      'get',
      'put',
      'post',
      'delete',
      'options',
      'head',
      'patch',
      'trace',
    ]);
    return openAIFunctions.map((fn, index) => ({
      ...shape(fn['name'], fn['description'], fn['parameters']),
      site: sites[index] ?? null,
    }));
  },
  origins: (argument) =>
    argument === 'data' ? [{ of: 'body', name: null }] : [{ of: 'parameter', name: null }],
};

/** Its functions come in the order of the paths, and within one in the order of its own list of methods. */
function sitesInOrder(document: Loose, methods: readonly string[]): string[] {
  return Object.entries((document['paths'] ?? {}) as Record<string, Loose>).flatMap(([path, item]) =>
    methods.filter((method) => item[method] !== undefined).map((method) => `${method.toUpperCase()} ${path}`),
  );
}

const librechat: Converter = {
  name: 'LibreChat Actions',
  package: 'librechat-data-provider',
  async convert(text) {
    const { validateAndParseOpenAPISpec, openapiToFunction } = await load('librechat-data-provider');
    const read = call(validateAndParseOpenAPISpec, text) as {
      status: boolean;
      message: string;
      spec?: Loose;
    };
    if (!read.status || !read.spec) throw new Error(read.message);
    const { functionSignatures } = call(openapiToFunction, read.spec) as { functionSignatures: Loose[] };
    const sites = Object.entries((read.spec['paths'] ?? {}) as Record<string, Loose>).flatMap(
      ([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    return functionSignatures.map((fn, index) => ({
      ...shape(fn['name'], fn['description'], fn['parameters']),
      site: sites[index] ?? null,
    }));
  },
  origins: both,
};

const generator: Converter = {
  name: 'openapi-mcp-generator',
  package: 'openapi-mcp-generator',
  async convert(_, file) {
    const { getToolsFromOpenApi } = await load(inPackage('openapi-mcp-generator', 'dist/api.js'));
    const tools = (await call(getToolsFromOpenApi, file, { dereference: true })) as Loose[];
    return tools.map((tool) => ({
      ...shape(tool['name'], tool['description'], tool['inputSchema']),
      site: `${String(tool['method']).toUpperCase()} ${String(tool['pathTemplate'])}`,
    }));
  },
  origins: (argument) =>
    argument === 'requestBody' ? [{ of: 'body', name: null }, ...both(argument)] : both(argument),
};

const server: Converter = {
  name: 'openapi-mcp-server',
  package: '@ivotoby/openapi-mcp-server',
  async convert(text) {
    const { OpenAPISpecLoader } = await load('@ivotoby/openapi-mcp-server');
    const loader = construct(OpenAPISpecLoader, { verbose: false });
    const method = (name: string) => (loader[name] as (...given: unknown[]) => unknown).bind(loader);
    const document = await method('loadOpenAPISpec')('', 'inline', text);
    const tools = method('parseOpenAPISpec')(document) as Map<string, Loose>;
    return [...tools].map(([id, tool]) => ({
      ...shape(tool['name'], tool['description'], tool['inputSchema']),
      site: siteOfTool(id, tool),
    }));
  },
  origins: (argument) =>
    argument === 'body' ? [{ of: 'body', name: null }, ...both(argument)] : both(argument),
};

/** It says method and path with each tool. */
function siteOfTool(id: string, tool: Loose): string | null {
  const { httpMethod, originalPath } = tool;
  if (typeof httpMethod !== 'string' || typeof originalPath !== 'string') return id;
  return `${httpMethod.toUpperCase()} ${originalPath}`;
}

const gateway: Converter = {
  name: 'plugin-gateway',
  package: 'plugin-gateway',
  async convert(text, file) {
    const { functions, diagnostics } = convertDocument(
      text,
      file,
      hiddenSites(declaredOperations(parseTree(text))),
    );
    const reason = diagnostics.find((one) => one.severity === 'error');
    if (functions.length === 0 && reason) throw new Error(reason.message);
    return functions.map((fn) => ({
      ...fn.definition.function,
      site: siteOfFunction(fn),
      origins: originsOf(fn),
    }));
  },
  origins: both,
};

export const converters: readonly Converter[] = [gateway, langchain, librechat, generator, server];

/** The installed version of a package of this folder. */
export function installedVersion(name: string): string {
  const require = createRequire(import.meta.url);
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return String((require(`${folder}/${name}/package.json`) as Loose)['version']);
    } catch {
      // the next folder
    }
  }
  return 'not installed';
}
