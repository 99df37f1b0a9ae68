// LibreChat's extensions of a manifest: `params` and `headers` (`openapi.md` section 1.2).
import type { Json, JsonObject } from '../openai/chat.ts';
import type { Report } from '../openapi/diagnostic.ts';
import { entriesOf, isObject, member, pointerTo, setMember } from '../openapi/value.ts';

/** The headers of a manifest. */
export interface ReadHeaders {
  readonly headers: Readonly<Record<string, string>>;
  /** Name of the header that carries the consumer's id. */
  readonly userIdHeader: string | null;
}

/** M13: `params` as written. `base` is the pointer of the manifest. */
export function readParams(manifest: JsonObject, base: string, report: Report): Record<string, Json> {
  const written = member(manifest, 'params');
  const params: JsonObject = {};
  for (const [name, value] of entriesOf(written)) setMember(params, name, value);
  if (written !== undefined && !isObject(written)) {
    report.warning('misplaced', pointerTo(base, 'params'), '"params" is no object and is ignored.');
  }
  return params as Record<string, Json>;
}

/** M17, M18: all headers as text, the one that carries the user's id apart; a bad one is left out alone. */
export function readHeaders(manifest: JsonObject, base: string, report: Report): ReadHeaders {
  const written = member(manifest, 'headers');
  const at = pointerTo(base, 'headers');
  const headers: JsonObject = {};
  let userIdHeader: string | null = null;
  if (written !== undefined && !isObject(written))
    report.warning('misplaced', at, '"headers" is no object and is ignored.');
  for (const [name, value] of entriesOf(written)) {
    const pointer = pointerTo(at, name);
    const text = typeof value === 'object' ? null : String(value);
    const header = name === 'librechat_user_id' ? (text ?? '') : name;
    if (text === null || /[\r\n\0]/.test(text)) {
      report.error(
        'header-invalid',
        pointer,
        `The header ${JSON.stringify(name)} has a value that no header can have; it is not sent.`,
      );
    } else if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(header)) {
      report.error(
        'header-invalid',
        pointer,
        `${JSON.stringify(header)} is no name of a header; it is not sent.`,
      );
    } else if (name === 'librechat_user_id') userIdHeader = text;
    else {
      setMember(headers, name, text);
      if (name === 'id' && /user|uid/i.test(text)) {
        const message = `The header "id" is sent with the value ${JSON.stringify(text)}. To send the user's id in a header of that name, write "librechat_user_id": ${JSON.stringify(text)}.`;
        report.info('user-id-header', pointer, message);
      }
    }
  }
  return { headers: headers as Record<string, string>, userIdHeader };
}
