// What the author of a plugin, or its operator, does about a finding: one sentence per code.

/** By code; `null` where the message of the finding itself says it. */
const fixes: Readonly<Record<string, string | null>> = {
  // the manifest
  'manifest-json':
    'Correct the JSON at this place: names in double quotes, no comment, no comma before } or ].',
  'manifest-limit': 'Give the manifest itself, or a smaller document.',
  'manifest-path': 'Write the URL of a manifest or document, a domain, or a file that is there.',
  'manifest-unreachable': 'Open the address in a browser; the manifest has to be served there as JSON.',
  'not-a-manifest': 'Put the manifest itself there; docs/plugin-author.md shows one.',
  'field-missing': 'Write the field as docs/plugin-author.md says.',
  'name-for-model-long': 'Choose a shorter name: it stands before each function name.',
  'name-for-human-long': 'Shorten it, if ChatGPT is to take the plugin as well.',
  'description-for-model-long':
    'Say when to use the plugin; move what belongs to one operation to its description.',
  'description-for-human-long': 'Shorten it, if ChatGPT is to take the plugin as well.',
  placeholder: null,
  'name-characters': 'Use letters, digits and underscores alone.',
  'name-duplicate': 'Rename one of the two plugins, or remove it.',
  'domain-rule': 'Serve the document below the domain of the plugin.',
  'unknown-key': 'Remove it, or correct its spelling.',
  'api-type': 'Write "openapi".',
  'auth-missing': 'Add "auth": { "type": "none" }, or what the API demands.',
  'auth-type': null,
  'authorization-type': 'Write "bearer" or "basic".',
  'oauth-nonstandard':
    'Let "authorization_url" be the token endpoint, "client_url" the page, and remove "token_url".',
  'needs-oauth': null,
  'credential-missing': null,
  'verification-token-sent':
    'Set "credential" in the settings of the plugin if another secret is to be sent.',
  'verification-token-other': 'Name it "openai".',
  'verification-token-empty': 'Write the real token, or set "credential" in the settings of the plugin.',
  'header-invalid': 'Write a plain name, and text, a number or a boolean without line breaks as its value.',
  'header-refused': 'Remove it: the gateway sets this header itself.',
  'user-id-header': null,
  'load-failed': 'Report this, with the manifest and the document.',
  stale: 'Mend the source; the next reload takes it.',
  'approval-unknown': 'Bring the database of store.url back.',
  'change-waiting': null,
  // the document
  'document-path': 'Write a URL, or the plain name of a file in the folder "openapi".',
  'document-unreachable':
    'Let it be read from there, or set "spec" in the settings of the plugin to where it is.',
  'document-limit':
    'Leave out what the plugin does not offer: paths, and examples and schemas that nothing uses.',
  'document-syntax': 'Correct the text at this place.',
  'not-a-document':
    'Put the OpenAPI document itself there, or set "spec" in the settings of the plugin to where it is.',
  'yaml-repaired': null,
  'json-in-yaml': 'Name the file .json.',
  'yaml-in-json': 'Correct the JSON, or name the file .yaml.',
  upgraded: 'Nothing has to be done; an OpenAPI 3 document says more.',
  'upgrade-failed': 'Correct this path, or convert the document to OpenAPI 3.',
  'version-odd': 'Write the version as text, such as openapi: "3.1.0".',
  'no-operations': 'Add operations under "paths", or let the setting "operations" include some.',
  'servers-missing': 'Add "servers" with the base URL of the API.',
  'server-foreign': null,
  'server-unknown': null,
  'filter-unmatched': 'Correct the entry: an operationId, a tag, or a method and path such as "GET /todos".',
  // operations
  'operation-failed': 'Correct this operation; the others are offered.',
  'operation-hidden': null,
  'operation-id-duplicate': 'Give each operation an operationId of its own.',
  'well-known-path': null,
  'path-refused': 'Write a path below the server, such as /todos/{id}.',
  'path-repaired': 'Begin the path with "/".',
  'override-enum': 'Set one of the declared values, unless the API is known to take this one.',
  'parameter-ignored': 'Give it a "name" and an "in": path, query, header or cookie.',
  'ref-broken': 'Correct the reference, or add what it names.',
  'ref-external': 'Copy what it refers to into this document, and refer to "#/components/...".',
  misplaced: 'Write it as OpenAPI defines it, in its place.',
  'required-boolean': null,
  'xml-body': 'Offer a JSON body too, if the API takes one.',
  'security-unsupported': 'Use apiKey, http basic or bearer, oauth2 or openIdConnect.',
  'security-unknown': 'Add the scheme to "components.securitySchemes", or correct its name.',
  // functions
  'schema-cut': 'Describe fewer levels; a model rarely fills deep or recursive values.',
  'allof-conflict': 'Make the parts of the "allOf" agree.',
  'description-cut': 'Say the important things first, in 1,024 characters.',
  'function-trimmed': 'Shorten texts and leave out properties that a model need not send.',
  'function-large': 'Split the operation, or leave out properties that a model need not send.',
  'function-rejected': 'Correct what the message names; no model takes the function as it is.',
  'not-strict': null,
};

/** What to do about a finding of this code; `null` where its message says it. */
export function fixOf(code: string): string | null {
  return Object.hasOwn(fixes, code) ? (fixes[code] ?? null) : null;
}

/** The codes that have an entry. */
export const fixedCodes: readonly string[] = Object.keys(fixes);
