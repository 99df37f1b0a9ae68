// What a model says, as `/v1/responses` writes it: one JSON body, or its events.
import type { JsonObject } from '../../src/openai/chat.ts';
import type { Said } from './dialects.ts';
import {
  answerBytes,
  answerError,
  type Answer,
  type Script,
  type UpstreamRequest,
} from './loopback-upstream.ts';

/** Tokens of each answer. */
const usage = {
  input_tokens: 11,
  input_tokens_details: { cached_tokens: 3 },
  output_tokens: 7,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 18,
};

/** Answers requests to `/v1/responses` by the script, whatever else by 404. The requests are added to `asked`. */
export function speaksResponses(script: Script, asked: UpstreamRequest[] = []): Answer {
  return (request, response) => {
    if (request.path !== '/v1/responses') return answerError(404, 'unknown_url')(request, response);
    const number = asked.push(request) - 1;
    const answer = typeof script === 'function' ? script(request, number) : script[number];
    return (answer ?? answerError(418, 'off_script'))(request, response);
  };
}

/** Answers with what the model says, as the request wants it: events or JSON. It thinks before each answer. */
export function saysInResponses(said: Said, seed?: number): Answer {
  return ({ json }, response) => {
    const whole = wholeAnswer(said, String(json['model']));
    const streamed = json['stream'] === true;
    const text = streamed ? eventsOf(whole).map(encode).join('') : JSON.stringify(whole);
    return answerBytes(text, {
      contentType: streamed ? 'text/event-stream; charset=utf-8' : 'application/json',
      ...(seed === undefined ? {} : { seed }),
    })({} as UpstreamRequest, response);
  };
}

function encode(event: JsonObject): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`;
}

function wholeAnswer({ text, calls = [], finish }: Said, model: string): JsonObject {
  const id = calls[0]?.id ?? 'end';
  const thought = { type: 'reasoning', id: `rs_${id}`, summary: [], encrypted_content: `sealed ${id}` };
  const part = { type: 'output_text', text: text ?? '', annotations: [], logprobs: [] };
  const message = {
    type: 'message',
    id: `msg_${id}`,
    role: 'assistant',
    status: 'completed',
    content: [part],
  };
  const called = calls.map((call) => ({
    type: 'function_call',
    id: `fc_${call.id}`,
    call_id: call.id,
    name: call.name,
    arguments: call.arguments,
    status: 'completed',
  }));
  return {
    id: 'resp_upstream',
    object: 'response',
    created_at: 1_700_000_000,
    model,
    status: finish === 'length' ? 'incomplete' : 'completed',
    incomplete_details: finish === 'length' ? { reason: 'max_output_tokens' } : null,
    error: null,
    service_tier: 'default',
    output: [thought, ...(text === undefined ? [] : [message]), ...called],
    usage,
  };
}

function eventsOf(whole: JsonObject): JsonObject[] {
  const begun = { ...whole, status: 'in_progress', output: [], usage: null };
  const items = whole['output'] as JsonObject[];
  const events: JsonObject[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...items.flatMap(itemEvents),
    { type: `response.${String(whole['status'])}`, response: whole },
  ];
  return events.map((event, sequence_number) => ({ ...event, sequence_number }));
}

function itemEvents(item: JsonObject, output_index: number): JsonObject[] {
  const at = { output_index, item_id: item['id'] };
  const parts = item['content'] as JsonObject[] | undefined;
  const begun = { ...item, ...('arguments' in item && { arguments: '' }), ...(parts && { content: [] }) };
  const texts = (parts ?? []).flatMap(({ text }, content_index) =>
    pieces(text).map((delta) => ({
      type: 'response.output_text.delta',
      ...at,
      content_index,
      delta,
      logprobs: [],
    })),
  );
  const input = pieces(item['arguments']).map((delta) => ({
    type: 'response.function_call_arguments.delta',
    ...at,
    delta,
  }));
  return [
    { type: 'response.output_item.added', output_index, item: begun },
    ...texts,
    ...input,
    { type: 'response.output_item.done', output_index, item },
  ];
}

function pieces(text: unknown): string[] {
  return typeof text === 'string' ? (text.match(/.{1,7}/gsu) ?? []) : [];
}
