// What a model says, written as six kinds of upstream write it, as JSON and as an event stream (`wire.md` section 5).
import type { JsonObject } from '../../src/openai/chat.ts';
import { answerBytes, type Answer } from './loopback-upstream.ts';

export const dialects = ['openai', 'ollama', 'mistral', 'gemini', 'azure', 'openrouter'] as const;
export type Dialect = (typeof dialects)[number];

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
  /** Only with `openai`. */
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
  if (!said.calls?.length) return 'stop';
  return dialect === 'gemini' || dialect === 'ollama' ? 'stop' : 'tool_calls';
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
  return {
    id: dialect === 'gemini' ? '' : 'chatcmpl-upstream',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    ...(dialect === 'openrouter' ? { provider: 'Somebody' } : {}),
    ...(dialect === 'azure'
      ? { prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }] }
      : {}),
    choices: choices.map((said, index) => ({
      index,
      message: messageOf(said, dialect),
      finish_reason: finishOf(said, dialect),
      ...(dialect === 'openai' ? { logprobs: said.logprobs ? logprobsOf(said.text ?? '') : null } : {}),
      ...(dialect === 'openrouter' ? { native_finish_reason: 'whatever' } : {}),
      ...(dialect === 'azure' ? { content_filter_results: {} } : {}),
    })),
    ...(usage ? { usage } : {}),
    ...(dialect === 'openai' ? { system_fingerprint: 'fp_test', service_tier: 'default' } : {}),
    ...(dialect === 'ollama' ? { system_fingerprint: 'fp_ollama' } : {}),
  };
}

function messageOf(said: Said, dialect: Dialect): JsonObject {
  const empty = dialect === 'mistral' || dialect === 'ollama' ? '' : null;
  const calls = said.calls?.map((call, index) => ({
    ...(dialect === 'ollama' || dialect === 'mistral' || dialect === 'openrouter' ? { index } : {}),
    id: dialect === 'gemini' ? '' : call.id,
    ...(dialect === 'mistral' ? {} : { type: 'function' }),
    function: { name: call.name, arguments: call.arguments },
  }));
  return {
    role: 'assistant',
    ...(dialect === 'gemini' && said.text === undefined ? {} : { content: said.text ?? empty }),
    ...(dialect === 'openai' || dialect === 'azure' || dialect === 'openrouter'
      ? { refusal: said.refusal ?? null }
      : {}),
    ...(said.reasoning === undefined ? {} : { reasoning_content: said.reasoning }),
    ...(calls?.length ? { tool_calls: calls } : dialect === 'mistral' ? { tool_calls: null } : {}),
  };
}

interface Frame {
  readonly choices: readonly JsonObject[];
  readonly usage?: JsonObject | null;
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

const azureFirst = {
  choices: [],
  created: 0,
  id: '',
  model: '',
  object: '',
  prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }],
};

function eventOf(frame: Frame, number: number, dialect: Dialect, model: string): JsonObject {
  return {
    ...(dialect === 'gemini' ? {} : { id: 'chatcmpl-upstream' }),
    object: 'chat.completion.chunk',
    created: dialect === 'ollama' ? 1_700_000_000 + number : 1_700_000_000,
    model,
    ...(dialect === 'openrouter' ? { provider: 'Somebody' } : {}),
    ...(dialect === 'openai'
      ? { service_tier: 'default', system_fingerprint: 'fp_test', obfuscation: 'xK3' }
      : {}),
    ...(dialect === 'ollama' ? { system_fingerprint: 'fp_ollama' } : {}),
    choices: [...frame.choices],
    ...('usage' in frame ? { usage: frame.usage ?? null } : {}),
  };
}

function placeUsage(
  frames: readonly Frame[],
  usage: JsonObject | null,
  dialect: Dialect,
  include: boolean,
): readonly Frame[] {
  if (!usage) return frames;
  const last = frames.length - 1;
  // Mistral sends it unasked; the others only when asked.
  if (dialect === 'mistral') return frames.map((frame, at) => (at === last ? { ...frame, usage } : frame));
  if (!include) return frames;
  if (dialect === 'gemini') return frames.map((frame) => ({ ...frame, usage }));
  if (dialect === 'openrouter') {
    return frames.map((frame, at) => (at === last ? { ...frame, usage } : frame));
  }
  return [...frames.map((frame) => ({ ...frame, usage: null })), { choices: [], usage }];
}

function framesOf(said: Said, index: number, dialect: Dialect): Frame[] {
  const extra =
    dialect === 'azure'
      ? { content_filter_results: {} }
      : dialect === 'openrouter'
        ? { native_finish_reason: null }
        : {};
  const roleAlways = dialect === 'ollama' || dialect === 'openrouter';
  const frame = (
    delta: JsonObject,
    finish: string | null = null,
    logprobs: JsonObject | null = null,
  ): Frame => ({
    choices: [
      {
        index,
        delta: { ...(roleAlways ? { role: 'assistant', content: '' } : {}), ...delta },
        finish_reason: finish,
        ...(dialect === 'openai' ? { logprobs } : {}),
        ...extra,
      },
    ],
  });
  const finish = finishOf(said, dialect);
  const frames: Frame[] = [];
  if (!roleAlways) {
    const empty = said.calls?.length && said.text === undefined ? null : '';
    frames.push(
      frame({ role: 'assistant', content: empty, ...(dialect === 'openai' ? { refusal: null } : {}) }),
    );
  }
  for (const piece of pieces(said.reasoning ?? '')) frames.push(frame({ reasoning_content: piece }));
  for (const piece of pieces(said.text ?? '')) {
    frames.push(frame({ content: piece }, null, said.logprobs ? logprobsOf(piece) : null));
  }
  if (said.refusal) frames.push(frame({ refusal: said.refusal }));
  const calls = said.calls ?? [];
  if (dialect === 'mistral' || dialect === 'gemini') {
    if (calls.length === 0) return [...frames, frame({}, finish)];
    return [...frames, frame({ tool_calls: calls.map((call, at) => wholeCall(call, at, dialect)) }, finish)];
  }
  for (const [at, call] of calls.entries()) {
    if (dialect === 'ollama') frames.push(frame({ tool_calls: [wholeCall(call, at, dialect)] }));
    else for (const part of callParts(call, at)) frames.push(frame({ tool_calls: [part] }));
  }
  return [...frames, frame({}, finish)];
}

function wholeCall(call: Call, index: number, dialect: Dialect): JsonObject {
  return {
    ...(dialect === 'ollama' ? { index } : {}),
    id: dialect === 'gemini' ? '' : call.id,
    ...(dialect === 'mistral' ? {} : { type: 'function' }),
    function: { name: call.name, arguments: call.arguments },
  };
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
