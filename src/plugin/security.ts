// Which credentials an operation asks for: requirements joined with the schemes that they name (`openapi.md` B11, B12).
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import type { References } from '../openapi/reference.ts';
import { entriesOf, isObject, member, pointerTo, textMember } from '../openapi/value.ts';

/** Where and how a credential is placed (`openapi.md` B12). */
export type SecurityScheme =
  | {
      readonly name: string;
      readonly type: 'apiKey';
      readonly in: 'header' | 'query' | 'cookie';
      readonly parameter: string;
    }
  | { readonly name: string; readonly type: 'basic' }
  | { readonly name: string; readonly type: 'bearer' };

/** The schemes of a document that the gateway can serve, by name. */
export function readSchemes(
  root: JsonObject,
  references: References,
  report: Report,
): Map<string, SecurityScheme> {
  const schemes = new Map<string, SecurityScheme>();
  for (const [name, written] of entriesOf(member(member(root, 'components'), 'securitySchemes'))) {
    const pointer = pointerTo('/components/securitySchemes', name);
    const target = references.follow(written, pointer);
    const scheme = target.kind === 'found' ? readScheme(name, target.value) : null;
    if (scheme) schemes.set(name, scheme);
    else
      report.warning(
        'security-unsupported',
        pointer,
        `The security scheme ${name} is of no supported kind; it is ignored.`,
      );
  }
  return schemes;
}

function readScheme(name: string, value: Json): SecurityScheme | null {
  const type = textMember(value, 'type')?.toLowerCase();
  const kind = textMember(value, 'scheme')?.toLowerCase();
  if (type === 'basic' || (type === 'http' && kind === 'basic')) return { name, type: 'basic' };
  if (type === 'http' && kind === 'bearer') return { name, type: 'bearer' };
  if (type === 'oauth2' || type === 'openidconnect') return { name, type: 'bearer' };
  const place = textMember(value, 'in');
  const parameter = textMember(value, 'name');
  if (type !== 'apikey' || parameter === undefined) return null;
  return place === 'header' || place === 'query' || place === 'cookie'
    ? { name, type: 'apiKey', in: place, parameter }
    : null;
}

/**
 * The alternatives of an operation, each a list of schemes that all apply; the operation's own, else the root's. `null`
 * when the document says nothing, or nothing that can be served.
 */
export function readSecurity(
  operation: JsonObject,
  root: JsonObject,
  schemes: ReadonlyMap<string, SecurityScheme>,
  pointer: string,
  report: Report,
): readonly (readonly SecurityScheme[])[] | null {
  const own = member(operation, 'security');
  const written = own ?? member(root, 'security');
  if (written === undefined || written === null) return null;
  const requirements = (Array.isArray(written) ? written : [written]).filter(isObject);
  const alternatives: SecurityScheme[][] = [];
  for (const requirement of requirements) {
    const names = Object.keys(requirement);
    const found = names.map((name) => schemes.get(name)).filter((scheme) => scheme !== undefined);
    if (found.length === names.length) alternatives.push(found);
    else {
      const unknown = names.filter((name) => !schemes.has(name)).join(', ');
      const at = own === undefined ? '/security' : pointerTo(pointer, 'security');
      report.warning(
        'security-unknown',
        at,
        `No usable security scheme is named ${unknown}; this alternative is left out.`,
      );
    }
  }
  return requirements.length > 0 && alternatives.length === 0 ? null : alternatives;
}
