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
import { planHeaders } from './request-headers.ts';
import { planPath, planQuery } from './request-target.ts';
import {
  findSources,
  type RequestSettings,
  type Sources,
  type UserId,
  type Values,
} from './request-values.ts';
import { errorResult } from './result.ts';

export type { RequestSettings } from './request-values.ts';

/** Everything that one request depends on besides the model's values. */
export interface RequestContext extends RequestSettings {
  readonly userId: UserId | null;
}

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

/** Builds a request from the model's values, for a consumer with this id. */
export type BuildRequest = (values: Values, userId: UserId | null) => BuiltRequest;

/**
 * Makes the way to the requests of a function. Order (B13): the model's values, the fixed query of the path, `params`,
 * `headers`, credentials, the consumer's id. It is pure but for the random boundary.
 */
export function planRequests(fn: PluginFunction, settings: RequestSettings): BuildRequest {
  const { operation } = fn;
  const server = operation.server === null ? null : URL.parse(operation.server);
  if (server === null) return () => ({ problem: serverUnknown(operation) });
  const credentials = credentialsOf(operation, settings);
  if (credentials === null) return () => ({ problem: credentialMissing(fn) });
  const sources = findSources(fn, settings.params);
  const base = server.pathname.replace(/\/+$/, '');
  const boundary = settings.boundary ?? randomUUID;
  return orProblem(() => {
    const buildHeaders = planHeaders(sources, settings, credentials);
    const buildPath = planPath(sources);
    const buildQuery = planQuery(sources, credentials);
    return (values, userId) => {
      const body = buildBody(sources, values, boundary);
      const headers = buildHeaders(values, body?.contentType ?? null, userId);
      const path = base + buildPath(values) + buildQuery(values);
      if (path.length > maxPathLength)
        throw new UnsendableValue(`make a URL of more than ${maxPathLength} characters`);
      const request = { method: operation.method, origin: server.origin, path, headers };
      return { request: body === null ? request : { ...request, body: body.content } };
    };
  });
}

/** What cannot be sent, be it the model's or the operator's, is told to the model. */
function orProblem(plan: () => BuildRequest): BuildRequest {
  const attempt = <T>(step: () => T): T | { readonly problem: string } => {
    try {
      return step();
    } catch (error) {
      if (error instanceof UnsendableValue) return { problem: unsendable(error) };
      throw error;
    }
  };
  const build = attempt(plan);
  return 'problem' in build ? () => build : (values, userId) => attempt(() => build(values, userId));
}

/** One request, as {@link planRequests} makes the way to many. */
export function buildRequest(fn: PluginFunction, values: Values, context: RequestContext): BuiltRequest {
  return planRequests(fn, context)(values, context.userId);
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

function buildBody(sources: Sources, values: Values, boundary: () => string): EncodedBody | null {
  const { fn, overrides } = sources;
  const { body } = fn.operation;
  if (body === null) return null;
  const value = bodyValue(sources, values);
  if (value === undefined) return null;
  const encoded = encodeNamed(fn, () => encodeBody(body, value, boundary, overrides.isOverridden));
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
function bodyValue({ fn, overrides }: Sources, values: Values): Json | undefined {
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
  const merged = overrides.mergeBody(given);
  const required = fn.operation.body?.required ?? false;
  return merged ?? (required && (flat || fn.operation.body?.kind === 'json') ? {} : undefined);
}

/** The credentials of the request; `null` when one is needed and none is there. */
function credentialsOf(operation: Operation, settings: RequestSettings): Placement[] | null {
  const { headers, params } = settings;
  const chosen = chooseCredentials(operation.security, settings.credential, (scheme) => {
    if (scheme.type !== 'apiKey') return headers.has('authorization');
    if (scheme.in === 'header') return headers.has(scheme.parameter.toLowerCase());
    return (params.get(scheme.parameter) ?? null) !== null;
  });
  if (chosen === null) return headers.has('authorization') ? [] : null;
  // A secret that a header cannot hold, such as one with a line break, is no secret to send.
  return chosen.every(({ in: place, value }) => place !== 'header' || isHeaderValue(value)) ? chosen : null;
}
