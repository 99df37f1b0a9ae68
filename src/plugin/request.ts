// From checked argument values to the finished HTTP request of an operation (`openapi.md` section 7).
import { randomUUID } from 'node:crypto';

import type { Json, JsonObject } from '../openai/chat.ts';
import { UnsendableValue } from '../openapi/serialize.ts';
import { pointerTo } from '../openapi/value.ts';
import { invalidArguments } from './arguments.ts';
import { encodeBody, type EncodedBody } from './body.ts';
import { chooseCredentials, type Placement } from './credential.ts';
import type { PluginFunction } from './function.ts';
import { isHeaderValue } from './header.ts';
import type { Operation } from './operation.ts';
import { planOverrides } from './override.ts';
import { buildHeaders } from './request-headers.ts';
import { buildPath, buildQuery } from './request-target.ts';
import type { RequestContext, Sources } from './request-values.ts';
import { errorResult } from './result.ts';

export type { RequestContext } from './request-values.ts';

/** A request that may be sent. `path` goes to the socket verbatim, with its query. Header names are in lower case. */
export interface PluginRequest {
  readonly method: string;
  /** `https://host:port`, the server's of the operation, whatever the arguments were (B14). */
  readonly origin: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array;
}

/** The request, or the text of the tool result that says why there is none. */
export type BuiltRequest = { readonly request: PluginRequest } | { readonly problem: string };

const maxBodyBytes = 1024 * 1024;
const maxPathLength = 64 * 1024;

/**
 * Builds the request of an operation. Order (B13): the model's values, the fixed query of the path, `params`, `headers`,
 * credentials, the consumer's id. Pure but for the random boundary.
 */
export function buildRequest(
  fn: PluginFunction,
  values: ReadonlyMap<string, Json>,
  context: RequestContext,
): BuiltRequest {
  const { operation } = fn;
  if (operation.server === null || !URL.canParse(operation.server))
    return { problem: serverUnknown(operation) };
  const credentials = credentialsOf(operation, context);
  if (credentials === null) return { problem: credentialMissing(fn) };
  const server = new URL(operation.server);
  const plan = planOverrides(operation, context.params);
  const sources: Sources = { fn, values, plan };
  try {
    const body = buildBody(sources, context.boundary ?? randomUUID);
    const headers = buildHeaders(sources, context, credentials, body?.contentType ?? null);
    const path = server.pathname.replace(/\/+$/, '') + buildPath(sources) + buildQuery(sources, credentials);
    if (path.length > maxPathLength)
      throw new UnsendableValue(`make a URL of more than ${maxPathLength} characters`);
    const request = { method: operation.method, origin: server.origin, path, headers };
    return { request: body === null ? request : { ...request, body: body.content } };
  } catch (error) {
    if (error instanceof UnsendableValue) return { problem: unsendable(error) };
    throw error;
  }
}

function unsendable({ subject, message }: UnsendableValue): string {
  if (subject === null) return invalidArguments(`The arguments ${message}.`);
  const problem = { at: pointerTo('', subject), problem: message };
  return invalidArguments(`The argument ${subject} cannot be sent: it ${message}.`, [problem]);
}

function serverUnknown(operation: Operation): string {
  const message = `No server is known for the operation ${operation.id}. The operator has to set one; do not call it again.`;
  return errorResult('server_unknown', { retryable: false, message });
}

function credentialMissing(fn: PluginFunction): string {
  const message = `The plugin ${fn.plugin} needs a credential that is not configured. The operator has to add it; do not call it again.`;
  return errorResult('credential_missing', { retryable: false, message });
}

function buildBody(sources: Sources, boundary: () => string): EncodedBody | null {
  const { body } = sources.fn.operation;
  if (body === null) return null;
  const value = bodyValue(sources);
  if (value === undefined) return null;
  const encoded = encodeNamed(sources.fn, () => encodeBody(body, value, boundary, sources.plan.isOverridden));
  if (Buffer.byteLength(encoded.content) > maxBodyBytes) {
    throw new UnsendableValue('make a body of more than 1 MiB; send less');
  }
  return encoded;
}

/** Reports a field of the body by the name that the model uses for it. */
function encodeNamed<T>(fn: PluginFunction, encode: () => T): T {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof UnsendableValue)) throw error;
    const argument = [...fn.arguments.values()].find(
      ({ target }) =>
        target.kind === 'body' || (target.kind === 'property' && target.property === error.subject),
    );
    throw new UnsendableValue(error.message, argument?.name ?? error.subject);
  }
}

/** The model's value with the overrides in it (M13); `undefined`: no body is sent (B7). */
function bodyValue({ fn, values, plan }: Sources): Json | undefined {
  const properties: JsonObject = Object.create(null) as JsonObject;
  let whole: Json | undefined;
  let flat = false;
  for (const { name, target } of fn.arguments.values()) {
    if (target.kind === 'body') whole = values.get(name);
    if (target.kind !== 'property') continue;
    flat = true;
    const value = values.get(name);
    if (value !== undefined) properties[target.property] = value;
  }
  const given = whole ?? (Object.keys(properties).length > 0 ? properties : undefined);
  const merged = plan.mergeBody(given);
  const required = fn.operation.body?.required ?? false;
  return merged ?? (required && (flat || fn.operation.body?.kind === 'json') ? {} : undefined);
}

/** The credentials of the request; `null` when one is needed and none is there. */
function credentialsOf(operation: Operation, context: RequestContext): Placement[] | null {
  const { headers, params } = context;
  const chosen = chooseCredentials(operation.security, context.credential, (scheme) => {
    if (scheme.type !== 'apiKey') return headers.has('authorization');
    if (scheme.in === 'header') return headers.has(scheme.parameter.toLowerCase());
    return (params.get(scheme.parameter) ?? null) !== null;
  });
  if (chosen === null) return headers.has('authorization') ? [] : null;
  // A secret that a header cannot hold, such as one with a line break, is no secret to send.
  return chosen.every(({ in: place, value }) => place !== 'header' || isHeaderValue(value)) ? chosen : null;
}
