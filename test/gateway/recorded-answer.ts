// Single answers that real providers gave to chat requests, and what they say, read without the gateway's code.
import { readFileSync } from 'node:fs';
import type { JsonObject, ToolCall } from '../../src/openai/chat.ts';
import { sharedFolder } from '../shared-data.ts';

/** A line of the index of recordings. */
export interface Recording {
  readonly provider: string;
  readonly endpoint: string;
  readonly file: string;
  readonly status: number;
  readonly stream: boolean;
}

const folder = `${sharedFolder()}/recordings`;

/** The recorded answers to chat requests, by provider. */
export function readRecordings(): Map<string, Recording[]> {
  const lines = readFileSync(`${folder}/index.jsonl`, 'utf8').trim().split('\n');
  const recordings = lines.map((line) => JSON.parse(line) as Recording);
  return Map.groupBy(
    recordings.filter(({ endpoint }) => endpoint === 'chat'),
    ({ provider }) => provider,
  );
}

/** The bytes of an answer; some streams were kept as one chunk per line. */
export function bodyOf({ file }: Recording): string {
  const text = readFileSync(`${folder}/${file}`, 'utf8');
  if (!file.endsWith('.txt')) return text;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return `${lines.map((line) => `data: ${line}\n\n`).join('')}data: [DONE]\n\n`;
}

/** What an answer says. */
export interface RecordedSaid {
  choices: number;
  /** Text of the first choice; `null` when it is no text alone. */
  text: string | null;
  calls: ToolCall[];
  usage: JsonObject | null;
  /** It holds an error, or ends before it is complete. */
  failed: boolean;
}

/** Reads the body of a recording. */
export function readSaid({ stream }: Recording, body: string): RecordedSaid {
  return stream ? readStream(body) : readBody(body);
}

interface RecordedChoice {
  index?: number;
  message?: RecordedMessage;
  delta?: RecordedMessage;
  finish_reason?: string | null;
}
interface RecordedMessage {
  content?: unknown;
  function_call?: ToolCall['function'] | null;
  tool_calls?: (ToolCall & { index?: number })[] | null;
}
interface RecordedBody {
  choices?: RecordedChoice[];
  usage?: JsonObject | null;
  error?: unknown;
  x_groq?: { usage?: JsonObject };
}

function readBody(body: string): RecordedSaid {
  const { choices = [], usage, error } = JSON.parse(body) as RecordedBody;
  const message = choices[0]?.message;
  const content = message?.content ?? '';
  return {
    choices: choices.length,
    text: typeof content === 'string' ? content : null,
    calls: [...(message?.tool_calls ?? []), ...legacyCalls(message)],
    usage: usage ?? null,
    failed: choices.length === 0 || Boolean(error),
  };
}

/** A `function_call` of the older interface is a call (A8), an empty one is nothing. */
function legacyCalls(message: RecordedMessage | undefined): ToolCall[] {
  const call = message?.function_call;
  return call?.name || call?.arguments ? [{ id: '', type: 'function', function: { ...call } }] : [];
}

function readStream(body: string): RecordedSaid {
  const said: RecordedSaid = { choices: 0, text: '', calls: [], usage: null, failed: false };
  const indexes = new Set<number>();
  let finished = body.includes('[DONE]');
  for (const line of body.split(/\r\n|\r|\n/)) {
    if (!line.startsWith('data:') || line.includes('[DONE]')) continue;
    const event = JSON.parse(line.slice(5)) as RecordedBody;
    said.usage = event.usage ?? event.x_groq?.usage ?? said.usage;
    if (event.error) said.failed = true;
    for (const choice of event.choices ?? []) {
      indexes.add(choice.index ?? 0);
      finished ||= Boolean(choice.finish_reason);
      if ((choice.index ?? 0) === 0) addDelta(said, choice.delta ?? {});
    }
  }
  said.choices = indexes.size;
  said.failed ||= !finished || indexes.size === 0;
  return said;
}

function addDelta(said: RecordedSaid, { content, tool_calls: parts, ...message }: RecordedMessage): void {
  if (typeof content === 'string' && said.text !== null) said.text += content;
  else if (content) said.text = null;
  for (const part of [...(parts ?? []), ...legacyCalls(message)]) {
    const known = said.calls.find((call) =>
      part.id ? call.id === part.id : call['index'] === part['index'],
    );
    const call = known ?? { ...part, function: { name: part.function.name, arguments: '' } };
    if (!known) said.calls.push(call);
    const added: unknown = part.function.arguments;
    call.function.arguments += typeof added === 'string' ? added : added ? JSON.stringify(added) : '';
  }
}
