// Puts the granted functions into a request: tools after the client's own, and the plugins' words in the system message.
import type { Json, JsonObject } from '../openai/chat.ts';
import { isJsonObject } from '../openai/exact-json.ts';
import { appendElement, joinElements, splitFirst, type JsonText } from '../openai/json-text.ts';
import { memberText, readElements, readMember, withMembers, type ChatRequest } from '../openai/request.ts';

/** What may be injected; sorted, so that the bytes are the same in every request. */
interface Injectable {
  /** `text` gives `null` for a function that the upstream would refuse; it is made when it is first asked for. */
  readonly functions: readonly { readonly name: string; readonly text: () => string | null }[];
  /** One block for all plugins (`wire.md` Q9), by {@link describePlugins}. */
  readonly instructions: string;
}

/** What may be injected into many requests. */
export interface Injection extends Injectable {
  /** What a request without tools of its own is offered: most have none, so it is made once. */
  readonly whole: () => Offer;
}

/** The functions that a request gets. */
interface Offer {
  readonly names: ReadonlySet<string>;
  /** As the member `tools`. */
  readonly array: string;
  readonly missing: Injected['missing'];
}

/** A request with its functions in it. */
export interface Injected {
  readonly request: ChatRequest;
  /** Names of the injected functions; empty: nothing was injected, the request is the client's. */
  readonly names: ReadonlySet<string>;
  /** Names of the client's own functions. */
  readonly clientTools: ReadonlySet<string>;
  /** How many functions there was no place for: their names are the client's (M20), or there were too many (Q6). */
  readonly missing: { readonly hidden: number; readonly leftOut: number };
}

export const noneMissing = { hidden: 0, leftOut: 0 } as const;

/** OpenAI's limit on `tools`; the client's own come first (`wire.md` Q6). */
const maxTools = 128;

/** Fewer completion tokens than this are a title maker's: it gets no functions (`wire.md` Q2). */
const minTokens = 64;

/** Makes an injection; keep it as long as what it holds is granted. */
export function createInjection(injectable: Injectable): Injection {
  let whole: Offer | undefined;
  return { ...injectable, whole: () => (whole ??= offer(injectable, new Set(), maxTools)) };
}

/** Injects what is granted, unless the request rules it out (`wire.md` Q2, Q9, M16, M20). */
export function inject(request: ChatRequest, injection: Injection): Injected {
  const tools = readElements(request, 'tools');
  const clientTools = new Set(tools.map(toolName).filter((name) => name !== ''));
  const nothing: Injected = { request, names: new Set(), clientTools, missing: noneMissing };
  if (rulesOut(request, tools.length > 0, injection)) return nothing;

  const clientHasNone = tools.length === 0;
  const { names, array, missing } = clientHasNone
    ? injection.whole()
    : offer(injection, clientTools, maxTools - tools.length);
  if (names.size === 0) return { ...nothing, missing };
  const withoutBrackets = array.slice(1, -1);
  const equipped = withMembers(request, {
    tools: clientHasNone ? array : appendElement(request.members.get('tools') ?? '[]', withoutBrackets),
    ...(readMember(request, 'stream') === true && { stream_options: withUsageAsked(request) }),
    ...(injection.instructions !== '' && {
      messages: instruct(memberText(request, 'messages') ?? '[]', injection.instructions),
    }),
  });
  return { request: equipped, names, clientTools, missing };
}

/** As many functions as there is room for, without those whose names are taken. */
function offer({ functions }: Injectable, taken: ReadonlySet<string>, room: number): Offer {
  const ours = functions.filter(({ name }) => !taken.has(name));
  const offered = new Map<string, string>();
  let refused = 0;
  for (const fn of ours) {
    if (offered.size >= room) break;
    const text = fn.text();
    if (text === null) refused += 1;
    else offered.set(fn.name, text);
  }
  return {
    names: new Set(offered.keys()),
    array: joinElements([...offered.values()]),
    missing: {
      hidden: functions.length - ours.length,
      leftOut: ours.length - offered.size - refused,
    },
  };
}

/** Q2: requests in which a function of ours must not be called. */
function rulesOut(request: ChatRequest, clientHasTools: boolean, injection: Injectable): boolean {
  const choice = readMember(request, 'tool_choice');
  if (choice === 'none' || (choice === 'required' && clientHasTools)) return true;
  if (isJsonObject(choice)) {
    const named =
      choice['type'] === 'function' && isJsonObject(choice['function']) ? choice['function']['name'] : null;
    if (!injection.functions.some(({ name }) => name === named)) return true;
  }
  const tokens = readMember(request, 'max_completion_tokens') ?? readMember(request, 'max_tokens');
  return typeof tokens === 'number' && tokens < minTokens;
}

/** Usage of every step is needed for the sum, whether the client asked or not. */
function withUsageAsked(request: ChatRequest): string {
  const given = readMember(request, 'stream_options');
  const options: JsonObject = { ...(isJsonObject(given) ? given : {}), include_usage: true };
  return JSON.stringify(options);
}

/**
 * Q9: the plugins' own words at the end of the client's leading system or developer message, or in a new first one.
 * The same bytes in every step. Only the first message is read, and the others, which may be megabytes, are not copied:
 * the array is given in pieces.
 */
function instruct(messages: string, instructions: string): JsonText {
  const { text, rest } = splitFirst(messages);
  const first = text === '' ? null : (JSON.parse(text) as Json);
  const leads = isJsonObject(first) && (first['role'] === 'system' || first['role'] === 'developer');
  if (!leads) return [`[${systemMessage(instructions)}${text === '' ? '' : ','}`, text, rest];
  const { content } = first;
  const extended = Array.isArray(content)
    ? [...content, { type: 'text', text: instructions }]
    : `${typeof content === 'string' ? `${content}\n\n` : ''}${instructions}`;
  return [`[${JSON.stringify({ ...first, content: extended })}`, rest];
}

function systemMessage(content: string): string {
  return JSON.stringify({ role: 'system', content });
}

/** The instructions block: `description_for_model` whole, once per plugin, marked as the words of its author. */
export function describePlugins(
  plugins: readonly { readonly name: string; readonly description: string }[],
): string {
  if (plugins.length === 0) return '';
  const parts = plugins.map(
    ({ name, description }) => `Plugin "${name}", in the words of its author: ${description}`,
  );
  return ['Functions of these plugins are available.', ...parts].join('\n\n');
}

/** The name of a client's tool, `""` for a kind without one. */
function toolName(text: string): string {
  const tool = JSON.parse(text) as Json;
  if (!isJsonObject(tool)) return '';
  const body = isJsonObject(tool['function'])
    ? tool['function']
    : isJsonObject(tool['custom'])
      ? tool['custom']
      : tool;
  return typeof body['name'] === 'string' ? body['name'] : '';
}
