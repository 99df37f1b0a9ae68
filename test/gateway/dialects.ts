// What a model says, written as eight kinds of upstream write it, as JSON and as an event stream (`wire.md` section 5).
import type { JsonObject } from '../../src/openai/chat.ts';
import { answerBytes, type Answer } from './loopback-upstream.ts';

/** How a dialect differs from what OpenAI's description says. */
interface Traits {
  /** Members of every chunk and body. */
  readonly head?: JsonObject;
  /** Members of every choice of a stream, and of a body. */
  readonly choice?: JsonObject;
  readonly noId?: true;
  readonly createdVaries?: true;
  /** Messages have a `refusal`. */
  readonly refusal?: true;
  /** `content` of a message that only calls; absent: the message has none. */
  readonly emptyContent?: '' | null;
  readonly roleAlways?: true;
  /** A call comes in fragments, whole, or whole together with the finish reason. */
  readonly calls: 'fragments' | 'whole' | 'with finish';
  readonly callIndex?: 'json' | 'stream' | 'both';
  readonly callType?: false;
  readonly callId?: false;
  /** The finish reason of an answer with calls. */
  readonly finish?: 'stop';
  readonly usage: 'own chunk' | 'with finish' | 'every chunk' | 'x_groq';
  readonly usageUnasked?: true;
  readonly reasoning: 'reasoning' | 'reasoning_content';
}

const traits = {
  openai: {
    head: { system_fingerprint: 'fp_test', service_tier: 'default' },
    choice: { logprobs: null },
    refusal: true,
    emptyContent: null,
    calls: 'fragments',
    callIndex: 'stream',
    usage: 'own chunk',
    reasoning: 'reasoning_content',
  },
  ollama: {
    head: { system_fingerprint: 'fp_ollama' },
    createdVaries: true,
    emptyContent: '',
    roleAlways: true,
    calls: 'whole',
    callIndex: 'both',
    finish: 'stop',
    usage: 'own chunk',
    reasoning: 'reasoning',
  },
  mistral: {
    emptyContent: '',
    calls: 'with finish',
    callIndex: 'json',
    callType: false,
    usage: 'with finish',
    usageUnasked: true,
    reasoning: 'reasoning_content',
  },
  gemini: {
    noId: true,
    calls: 'with finish',
    callId: false,
    finish: 'stop',
    usage: 'every chunk',
    reasoning: 'reasoning_content',
  },
  azure: {
    choice: { content_filter_results: {} },
    refusal: true,
    emptyContent: null,
    calls: 'fragments',
    callIndex: 'stream',
    usage: 'own chunk',
    reasoning: 'reasoning_content',
  },
  openrouter: {
    head: { provider: 'Somebody' },
    choice: { native_finish_reason: null },
    refusal: true,
    emptyContent: null,
    roleAlways: true,
    calls: 'fragments',
    callIndex: 'both',
    usage: 'with finish',
    reasoning: 'reasoning',
  },
  deepseek: {
    head: { system_fingerprint: 'fp_prod0820_fp8_kvcache' },
    choice: { logprobs: null },
    emptyContent: '',
    calls: 'fragments',
    callIndex: 'both',
    usage: 'with finish',
    usageUnasked: true,
    reasoning: 'reasoning_content',
  },
  groq: {
    head: { system_fingerprint: 'fp_groq' },
    choice: { logprobs: null },
    calls: 'whole',
    callIndex: 'stream',
    usage: 'x_groq',
    usageUnasked: true,
    reasoning: 'reasoning',
  },
} as const satisfies Record<string, Traits>;

export type Dialect = keyof typeof traits;
export const dialects = Object.keys(traits) as readonly Dialect[];

function traitsOf(dialect: Dialect): Traits {
  return traits[dialect];
}

/** The name under which a dialect tells what the model thought. */
export function reasoningMember(dialect: Dialect): 'reasoning' | 'reasoning_content' {
  return traits[dialect].reasoning;
}

/** A tool call that the model makes. */
export interface Call {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** One answer of the model. */
export interface Said {
  readonly text?: string;
  readonly calls?: readonly Call[];
  readonly reasoning?: string;
  readonly finish?: string;
  readonly usage?: JsonObject | null;
  readonly logprobs?: boolean;
  readonly refusal?: string;
}

/** Tokens of an answer whose usage the test does not state. */
export const usualUsage = {
  prompt_tokens: 11,
  completion_tokens: 7,
  total_tokens: 18,
  prompt_tokens_details: { cached_tokens: 3 },
};

/** Answers with what the model says, as the request wants it: an event stream or JSON. `n` choices say the same. */
export function says(said: Said | readonly Said[], dialect: Dialect = 'openai', seed?: number): Answer {
  const choices = Array.isArray(said) ? (said as readonly Said[]) : [said as Said];
  return (request, response) => {
    const model = String(request.json['model'] ?? 'test-model');
    const streamed = request.json['stream'] === true;
    const options = request.json['stream_options'] as JsonObject | undefined;
    const text = streamed
      ? streamText(choices, dialect, model, options?.['include_usage'] === true)
      : `${dialect === 'openrouter' ? '\n   \n' : ''}${JSON.stringify(completion(choices, dialect, model))}`;
    return answerBytes(text, {
      contentType: streamed ? 'text/event-stream; charset=utf-8' : 'application/json',
      headers: { 'openai-version': '2020-10-01', 'set-cookie': 'upstream=1' },
      ...(seed === undefined ? {} : { seed }),
    })(request, response);
  };
}

function usageOf(choices: readonly Said[]): JsonObject | null {
  const usage = choices[0]?.usage;
  return usage === undefined ? usualUsage : usage;
}

function finishOf(said: Said, dialect: Dialect): string {
  if (said.finish) return said.finish;
  return said.calls?.length ? (traitsOf(dialect).finish ?? 'tool_calls') : 'stop';
}

function logprobsOf(text: string): JsonObject {
  return {
    content: [{ token: text, logprob: -0.5, bytes: [...Buffer.from(text)], top_logprobs: [] }],
    refusal: null,
  };
}

/** The answer as one JSON body. */
export function completion(choices: readonly Said[], dialect: Dialect, model: string): JsonObject {
  const usage = usageOf(choices);
  const { noId, head, choice } = traitsOf(dialect);
  return {
    id: noId ? '' : 'chatcmpl-upstream',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    ...head,
    ...(dialect === 'azure' ? promptFilter : {}),
    choices: choices.map((said, index) => ({
      index,
      message: messageOf(said, dialect),
      finish_reason: finishOf(said, dialect),
      ...choice,
      ...(dialect === 'openrouter' ? { native_finish_reason: finishOf(said, dialect) } : {}),
      ...(said.logprobs ? { logprobs: logprobsOf(said.text ?? '') } : {}),
    })),
    ...(usage ? { usage } : {}),
    ...(dialect === 'groq' ? { usage_breakdown: null, x_groq: { id: 'req_1' } } : {}),
  };
}

function messageOf(said: Said, dialect: Dialect): JsonObject {
  const { emptyContent, refusal, reasoning, callIndex } = traitsOf(dialect);
  const content = said.text ?? emptyContent;
  const calls = said.calls?.map((call, index) => ({
    ...(callIndex === 'json' || callIndex === 'both' ? { index } : {}),
    ...callOf(call, dialect),
  }));
  return {
    role: 'assistant',
    ...(content === undefined ? {} : { content }),
    ...(refusal ? { refusal: said.refusal ?? null } : {}),
    ...(said.reasoning === undefined ? {} : { [reasoning]: said.reasoning }),
    ...(calls?.length ? { tool_calls: calls } : dialect === 'mistral' ? { tool_calls: null } : {}),
  };
}

/** A whole call as a dialect writes it. */
function callOf(call: Call, dialect: Dialect): JsonObject {
  const { callId, callType } = traitsOf(dialect);
  return {
    id: callId === false ? '' : call.id,
    ...(callType === false ? {} : { type: 'function' }),
    function: { name: call.name, arguments: call.arguments },
  };
}

interface Frame {
  readonly choices: readonly JsonObject[];
  readonly usage?: JsonObject | null;
  readonly x_groq?: JsonObject;
}

/** The answer as the bytes of an event stream. */
export function streamText(
  choices: readonly Said[],
  dialect: Dialect,
  model: string,
  includeUsage: boolean,
): string {
  const frames = choices.flatMap((said, index) => framesOf(said, index, dialect));
  const usage = usageOf(choices);
  const withUsage = placeUsage(frames, usage, dialect, includeUsage);
  const lines = withUsage.map(
    (frame, number) => `data: ${JSON.stringify(eventOf(frame, number, dialect, model))}\n\n`,
  );
  if (dialect === 'azure') lines.unshift(`data: ${JSON.stringify(azureFirst)}\n\n`);
  if (dialect === 'openrouter') lines.unshift(': OPENROUTER PROCESSING\n\n', ': OPENROUTER PROCESSING\n\n');
  return `${lines.join('')}data: [DONE]\n\n`;
}

const promptFilter = { prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }] };
const azureFirst = { choices: [], created: 0, id: '', model: '', object: '', ...promptFilter };

function eventOf(frame: Frame, number: number, dialect: Dialect, model: string): JsonObject {
  const { noId, createdVaries, head } = traitsOf(dialect);
  return {
    ...(noId ? {} : { id: 'chatcmpl-upstream' }),
    object: 'chat.completion.chunk',
    created: 1_700_000_000 + (createdVaries ? number : 0),
    model,
    ...head,
    ...(dialect === 'openai' ? { obfuscation: 'xK3' } : {}),
    ...frame,
    choices: [...frame.choices],
  };
}

function placeUsage(
  frames: readonly Frame[],
  usage: JsonObject | null,
  dialect: Dialect,
  asked: boolean,
): readonly Frame[] {
  const { usage: place, usageUnasked } = traitsOf(dialect);
  if (!usage || !(asked || usageUnasked)) return frames;
  const withLast = (members: Partial<Frame>) => [
    ...frames.slice(0, -1),
    { choices: [], ...frames.at(-1), ...members },
  ];
  switch (place) {
    case 'with finish':
      return withLast({ usage });
    case 'x_groq':
      return withLast({ x_groq: { id: 'req_1', usage } });
    case 'every chunk':
      return frames.map((frame) => ({ ...frame, usage }));
    default:
      return [...frames.map((frame) => ({ ...frame, usage: null })), { choices: [], usage }];
  }
}

function framesOf(said: Said, index: number, dialect: Dialect): Frame[] {
  const { choice, roleAlways, calls: form, refusal, reasoning, callIndex } = traitsOf(dialect);
  const frame = (delta: JsonObject, finish: string | null = null, text?: string): Frame => ({
    choices: [
      {
        index,
        delta: { ...(roleAlways ? { role: 'assistant', content: '' } : {}), ...delta },
        finish_reason: finish,
        ...choice,
        ...(said.logprobs && text !== undefined ? { logprobs: logprobsOf(text) } : {}),
      },
    ],
  });
  const finish = finishOf(said, dialect);
  const frames: Frame[] = [];
  if (!roleAlways) {
    const empty = said.calls?.length && said.text === undefined ? null : '';
    frames.push(frame({ role: 'assistant', content: empty, ...(refusal ? { refusal: null } : {}) }));
  }
  for (const piece of pieces(said.reasoning ?? '')) frames.push(frame({ [reasoning]: piece }));
  for (const piece of pieces(said.text ?? '')) frames.push(frame({ content: piece }, null, piece));
  if (said.refusal) frames.push(frame({ refusal: said.refusal }));
  const whole = (call: Call, at: number) => ({
    ...callOf(call, dialect),
    ...(callIndex === 'stream' || callIndex === 'both' ? { index: at } : {}),
  });
  const calls = said.calls ?? [];
  if (form === 'with finish' && calls.length > 0)
    return [...frames, frame({ tool_calls: calls.map((call, at) => whole(call, at)) }, finish)];
  for (const [at, call] of calls.entries()) {
    const parts = form === 'fragments' ? callParts(call, at) : [whole(call, at)];
    for (const part of parts) frames.push(frame({ tool_calls: [part] }));
  }
  return [...frames, frame({}, finish)];
}

function callParts(call: Call, index: number): JsonObject[] {
  const first = { index, id: call.id, type: 'function', function: { name: call.name, arguments: '' } };
  return [first, ...pieces(call.arguments).map((piece) => ({ index, function: { arguments: piece } }))];
}

/** Pieces of about seven characters; a code point stays whole, as in real streams. */
function pieces(text: string): string[] {
  const points = Array.from(text);
  const found: string[] = [];
  for (let at = 0; at < points.length; at += 7) found.push(points.slice(at, at + 7).join(''));
  return found;
}
