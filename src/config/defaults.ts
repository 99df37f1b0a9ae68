// Fills the defaults of the schema into a configuration.

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly default?: unknown;
  readonly [keyword: string]: unknown;
}

/**
 * The value with every absent key that has a default filled in, as a new, deeply frozen value. A mapping by foreign
 * names (plugins, headers) has no prototype, so that a plugin named `constructor` has no settings by accident (D8).
 */
export function fillDefaults(schema: SchemaNode, value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map((item) => fillDefaults(schema.items ?? {}, item)));
  if (typeof value !== 'object' || value === null) return value;
  const properties = schema.properties ?? {};
  const others = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : {};

  const given = Object.entries(value).map(([key, item]): [string, unknown] => {
    const node = Object.hasOwn(properties, key) ? properties[key] : others;
    return [key, fillDefaults(node ?? {}, item)];
  });
  const absent = Object.entries(properties)
    .filter(([key, node]) => 'default' in node && !Object.hasOwn(value, key))
    .map(([key, node]): [string, unknown] => [key, fillDefaults(node, node.default)]);

  const filled = Object.fromEntries([...given, ...absent]);
  return Object.freeze(schema.properties ? filled : Object.assign(Object.create(null) as object, filled));
}
