// Complete tool loops that real clients had with real providers, cut into runs and made playable.
import { readFileSync } from 'node:fs';
import type { JsonObject, Message, ToolCall } from '../../src/openai/chat.ts';

/** One request and answer of a recording. */
export interface RecordedStep {
  readonly request: JsonObject & { messages: Message[] };
  /** The body of the answer as recorded: JSON or an event stream. */
  readonly body: string;
  readonly streamed: boolean;
  readonly answer: RecordedAnswer;
}

/** What an answer says, read independently of the gateway's own code. */
export interface RecordedAnswer {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  readonly usage: JsonObject | null;
  /** Members of the message that are no part of every message, such as `reasoning`. JSON answers only. */
  readonly extra: JsonObject;
}

/** Steps that belong together: each begins with all messages of the one before. */
export interface RecordedRun {
  /** Number of its loop in the file, and of the run in the loop. */
  readonly id: string;
  readonly provider: string;
  readonly source: string;
  readonly steps: readonly RecordedStep[];
}

interface LoopLine {
  provider: string;
  path: string;
  hops: { req: string | null; res: string | null; status: number }[];
}

/** Reads all loops, each cut into its runs. */
export function readRecordedLoops(shared: string): { line: LoopLine; runs: RecordedRun[] }[] {
  const folder = `${shared}/recordings`;
  const lines = readFileSync(`${folder}/loops.jsonl`, 'utf8').trim().split('\n');
  return lines.map((text, number) => {
    const line = JSON.parse(text) as LoopLine;
    const steps = line.hops.flatMap(({ req, res }) => (req && res ? [readStep(folder, req, res)] : []));
    const runs = cutIntoRuns(steps).map((run, at) => ({
      id: `${number}.${at}`,
      provider: line.provider,
      source: line.path,
      steps: run,
    }));
    return { line, runs };
  });
}

function readStep(folder: string, req: string, res: string): RecordedStep {
  const recorded = JSON.parse(readFileSync(`${folder}/${req}`, 'utf8')) as RecordedStep['request'];
  const body = readFileSync(`${folder}/${res}`, 'utf8');
  const streamed = res.endsWith('.sse');
  return { request: recorded, body, streamed, answer: streamed ? readStream(body) : readBody(body) };
}

function readBody(body: string): RecordedAnswer {
  const { choices, usage } = JSON.parse(body) as { choices: { message: Message }[]; usage?: JsonObject };
  const {
    role: _,
    content,
    tool_calls: calls,
    refusal: _refusal,
    function_call: _call,
    ...extra
  } = choices[0]?.message ?? { role: '' };
  return { text: flatText(content), calls: calls ?? [], usage: usage ?? null, extra };
}

interface StreamedChoice {
  delta?: { content?: unknown; tool_calls?: (ToolCall & { index?: number })[] };
}

function readStream(body: string): RecordedAnswer {
  let text = '';
  let usage: JsonObject | null = null;
  const calls: ToolCall[] = [];
  for (const line of body.split(/\r?\n/)) {
    if (!line.startsWith('data:') || line.includes('[DONE]')) continue;
    const event = JSON.parse(line.slice(5)) as { choices?: StreamedChoice[]; usage?: JsonObject | null };
    usage = event.usage ?? usage;
    const delta = event.choices?.[0]?.delta;
    text += flatText(delta?.content);
    for (const part of delta?.tool_calls ?? []) {
      const known = calls.findLast((call) => (part.id ? call.id === part.id : true));
      if (!known) {
        calls.push({ id: part.id, type: 'function', function: { name: part.function.name, arguments: '' } });
      }
      const call = calls.findLast((one) => (part.id ? one.id === part.id : true));
      if (call) call.function.arguments += part.function.arguments ?? '';
    }
  }
  return { text, calls, usage, extra: {} };
}

/** The text of a content: a string, or the text parts of an array. */
export function flatText(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as { text?: string }[]).map((part) => part.text ?? '').join('');
}

function cutIntoRuns(steps: readonly RecordedStep[]): RecordedStep[][] {
  const runs: RecordedStep[][] = [];
  for (const step of steps) {
    const before = runs.at(-1)?.at(-1);
    if (before && continues(before, step)) runs.at(-1)?.push(step);
    else runs.push([step]);
  }
  return runs;
}

/** A step continues another if it begins with its messages, followed by the calls that its answer made. */
function continues(before: RecordedStep, step: RecordedStep): boolean {
  const length = before.request.messages.length;
  const same = before.request.messages.every((message, at) => {
    const other = step.request.messages[at];
    return message.role === other?.role && flatText(message.content) === flatText(other.content);
  });
  const next = step.request.messages.slice(length).find((message) => message.tool_calls?.length);
  const names = (calls: readonly ToolCall[]) => calls.map((call) => call.function.name).join();
  return (
    same && before.answer.calls.length > 0 && names(next?.tool_calls ?? []) === names(before.answer.calls)
  );
}

/** What a step added to the conversation besides what the recording's own client put in. */
export function addedMessages(before: RecordedStep, step: RecordedStep): Message[] {
  const tail = step.request.messages.slice(before.request.messages.length);
  return tail.filter((message) => message.role === 'tool' || message.tool_calls?.length);
}

/**
 * The functions that answer the request instead of doing something (`final_result` and the like): called in the last
 * step and never before. They belong to the client.
 */
export function clientFunctions(run: RecordedRun): Set<string> {
  const called = run.steps.map((step) => step.answer.calls.map((call) => call.function.name));
  const earlier = new Set(called.slice(0, -1).flat());
  return new Set((called.at(-1) ?? []).filter((name) => !earlier.has(name)));
}

/** The functions that a run was offered, by name. */
export function offeredFunctions(run: RecordedRun): Map<string, JsonObject> {
  const found = new Map<string, JsonObject>();
  for (const step of run.steps) {
    for (const tool of (step.request['tools'] ?? []) as { function?: JsonObject }[]) {
      if (tool.function) found.set(String(tool.function['name']), tool.function);
    }
  }
  return found;
}

/** The paths and schemas of an API whose operations are these functions: `POST /NAME`, arguments as JSON body. */
export function documentParts(functions: ReadonlyMap<string, JsonObject>): {
  paths: JsonObject;
  schemas: JsonObject;
} {
  const paths: JsonObject = {};
  const schemas: JsonObject = {};
  for (const [name, definition] of functions) {
    const text = JSON.stringify(definition['parameters'] ?? {}).replaceAll(
      '"#/$defs/',
      `"#/components/schemas/${name}_`,
    );
    const { $defs = {}, ...schema } = JSON.parse(text) as JsonObject;
    for (const [key, value] of Object.entries($defs as JsonObject)) schemas[`${name}_${key}`] = value;
    const takesNothing = Object.keys((schema['properties'] ?? {}) as JsonObject).length === 0;
    paths[`/${name}`] = {
      post: {
        operationId: name,
        description: String(definition['description'] ?? name),
        ...(takesNothing ? {} : { requestBody: { content: { 'application/json': { schema } } } }),
        responses: { 200: { description: 'OK' } },
      },
    };
  }
  return { paths, schemas };
}

/** Gives functions other names wherever a body names them. */
export function renameFunctions(body: string, names: ReadonlyMap<string, string>): string {
  return body.replaceAll(/("name"\s*:\s*)"([^"]+)"/g, (whole, key: string, name: string) => {
    const other = names.get(name);
    return other ? `${key}"${other}"` : whole;
  });
}

/** The sum of two usage objects, every numeric leaf. */
export function addUsage(sum: JsonObject, more: JsonObject | null): JsonObject {
  const total = { ...sum };
  for (const [key, value] of Object.entries(more ?? {})) {
    const before = total[key];
    if (typeof value === 'number') total[key] = (typeof before === 'number' ? before : 0) + value;
    else if (value && typeof value === 'object' && !Array.isArray(value)) {
      total[key] = addUsage((before ?? {}) as JsonObject, value);
    }
  }
  return total;
}
