// The shortcut for answers that stay as they are: what the client gets is what the plain way would give it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fold } from '../../src/completion/fold.ts';
import { run } from '../../src/completion/run.ts';
import { unchangedAnswer } from '../../src/completion/unchanged.ts';
import type { Json, JsonObject, UpstreamAnswer } from '../../src/openai/chat.ts';
import { parseRequest } from '../../src/openai/request.ts';
import { unfold } from '../../src/openai/unfold.ts';
import { plainOptions } from './scripted.ts';

const client = parseRequest('{"model":"m","messages":[{"role":"user","content":"hi"}]}');

/** An answer of these bytes, as the upstream room opens it; `null` for one that it refuses. */
function open(bytes: Buffer): UpstreamAnswer | null {
  try {
    const value = JSON.parse(bytes.toString().trim()) as Json;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    return { whole: { bytes, value }, pieces: [unfold(value)] };
  } catch {
    return null;
  }
}

/** What the loop makes of an answer; the plain way. `null`: it asks for more. */
async function plainWay(answer: UpstreamAnswer): Promise<unknown> {
  let asked = false;
  const doors = {
    ask: async () => {
      asked = true;
      return { whole: null, pieces: [] };
    },
    owns: (name: string) => name === 'own',
    call: async () => ({ content: 'result' }),
    park: async () => undefined,
    keep: async () => undefined,
  };
  const answered = run(client, answer, doors, plainOptions());
  const folded = await fold(answered);
  return asked ? null : JSON.parse(JSON.stringify(folded));
}

/** Whether the shortcut took the answer; fails when it says something else than the plain way. */
async function agrees(bytes: Buffer): Promise<boolean> {
  const answer = open(bytes);
  const unchanged = answer && unchangedAnswer(answer);
  if (!unchanged) return false;
  assert.equal(unchanged.bytes, bytes);
  assert.deepEqual(
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)),
    await plainWay(answer),
  );
  return true;
}

const usual = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'm-1',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'Hello.', refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  system_fingerprint: 'fp_1',
};

test('an answer of OpenAI that calls nothing goes out as it came, printed this way or that', async () => {
  for (const text of [JSON.stringify(usual), `${JSON.stringify(usual, null, 2)}\n`])
    assert.ok(await agrees(Buffer.from(text)), text);
});

test('its usage and id are known', () => {
  const answer = open(Buffer.from(JSON.stringify(usual)));
  const unchanged = answer && unchangedAnswer(answer);
  assert.deepEqual(unchanged?.usage, usual.usage);
  assert.equal(unchanged?.id, usual.id);
});

/** The usual answer with something else in it. */
function changed(top: JsonObject, choice: JsonObject = {}, message: JsonObject = {}): string {
  const [first] = usual.choices;
  const choices = [{ ...first, ...choice, message: { ...first?.message, ...message } }];
  return JSON.stringify({ ...usual, choices, ...top });
}

const call = { id: 'a', type: 'function', function: { name: 'own', arguments: '{}' } };

const hostile: Record<string, string | Buffer> = {
  'a call': changed({}, {}, { tool_calls: [call] }),
  'no calls, said': changed({}, {}, { tool_calls: [] }),
  'a legacy call': changed({}, {}, { function_call: { name: 'own', arguments: '{}' } }),
  'a call under an escaped name': changed({}, {}, { tool_calls: [call] }).replace(
    'tool_calls',
    'tool\\u005fcalls',
  ),
  'a message twice, the first with a call': changed({}).replace(
    '"message":',
    '"message":{"tool_calls":[{"id":"a"}]},"message":',
  ),
  'two choices': JSON.stringify({ ...usual, choices: [usual.choices[0], usual.choices[0]] }),
  'no choice': JSON.stringify({ ...usual, choices: [] }),
  'another index': changed({}, { index: 1 }),
  'a delta beside the message': changed({}, { delta: { content: 'x' } }),
  'no text': changed({}, {}, { content: '' }),
  parts: changed({}, {}, { content: [{ type: 'text', text: 'x' }] }),
  'a refusal': changed({}, {}, { refusal: 'no' }),
  'another role': changed({}, {}, { role: 'model' }),
  'an unknown end': changed({}, { finish_reason: 'eos' }),
  'the end of calls without one': changed({}, { finish_reason: 'tool_calls' }),
  'a null fingerprint': changed({ system_fingerprint: null }),
  'no id': changed({ id: '' }),
  'another kind of object': changed({ object: 'response' }),
  'a chunk': changed({ object: 'chat.completion.chunk' }),
  'usage beside the usual place': changed({ x_groq: { usage: { prompt_tokens: 1 } } }),
  padding: changed({ obfuscation: 'abc' }),
  'a number that is none': changed({}).replace('1700000000', '1e400'),
  'a number that is none, deep in': changed({ more: { deep: [0] } }).replace('[0]', '[-1e999]'),
  'minus zero': changed({ more: 0 }).replace('"more":0', '"more":-0'),
  'a prototype': changed({ more: { x: 1 } }).replace('"x"', '"__proto__"'),
  'a byte order mark': `\uFEFF${changed({})}`,
  'a blank that is none in JSON': `${changed({})}\u00a0`,
  'another one before the line end': `${changed({})}\u00a0\n`,
  'bytes that are no text': Buffer.from(changed({}).replace('Hello.', '\xff\xfe'), 'latin1'),
};

for (const [what, text] of Object.entries(hostile)) {
  test(`the plain way is taken by an answer with ${what}`, async () => {
    assert.equal(await agrees(Buffer.from(text)), false);
  });
}

const kept: Record<string, string> = {
  'words that look like a call': changed({}, {}, { content: '{"tool_calls":[{"function_call":1}]}' }),
  'unknown members everywhere': changed({ more: null }, { stop_reason: null }, { reasoning_content: null }),
  'log probabilities': changed({}, { logprobs: { content: [{ token: 'a', logprob: -0.5 }], refusal: null } }),
  'a number beyond what a double holds': changed({ more: 1 }).replace(
    '"more":1',
    '"more":9223372036854775807',
  ),
  'half of a character': changed({}, {}, { content: 'x' }).replace('"x"', '"\\ud83d"'),
  'a member twice': changed({}).replace('"model":', '"model":"other","model":'),
};

for (const [what, text] of Object.entries(kept)) {
  test(`an answer with ${what} goes out as it came`, async () => {
    assert.ok(await agrees(Buffer.from(text)));
  });
}

/** Values that say nothing, that fold makes anew, that look like something else. */
const odd = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<Json[]>(null, '', 'stop', 0, 1, -0, true, 1e21) },
  fc.constantFrom<Json[]>([], {}, [call], { content: 'x' }, { usage: {} }, 'tool_calls'),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
);
const known =
  'role content refusal tool_calls function_call audio annotations reasoning index message delta logprobs ' +
  'finish_reason id object created model choices usage system_fingerprint service_tier obfuscation x_groq ' +
  'plugin_calls error __proto__ 0';
const names = fc.oneof(fc.constantFrom(...known.split(' ')), fc.string({ maxLength: 4 }));
const few = fc.dictionary(names, odd, { maxKeys: 2 }) as fc.Arbitrary<JsonObject>;
const rarely = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: few });
const dropped = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 1, arbitrary: names });

/** What is done to the text. */
const spoilt = fc.oneof(
  { weight: 6, arbitrary: fc.constant((text: string) => text) },
  fc.constantFrom(
    (text: string) => `\uFEFF${text}`,
    (text: string) => `${text}\u00a0\n`,
    (text: string) => text.replace('{', '{"id":"first",'),
    (text: string) => text.replace('"message":{', '"message":{"tool\\u005fcalls":[{"id":"a"}],'),
    (text: string) => text.replace('"message":', '"message":{"role":"x"},"message":'),
    (text: string) => text.replace(/\d+/, '9223372036854775807'),
    (text: string) => text.replace(/\d+/, '-1e400'),
    (text: string) => text.replaceAll('Hello', '\\ud800 \\u0022tool_calls\\u0022'),
    (text: string) => text.replace('Hello', '\u0000'),
  ),
);

test('whatever an upstream answers, the shortcut says what the plain way says', async () => {
  let taken = 0;
  let all = 0;
  const property = fc.asyncProperty(
    rarely,
    rarely,
    rarely,
    dropped,
    fc.constantFrom(undefined, 2),
    spoilt,
    async (top, choice, message, gone, indent, spoil) => {
      const value = JSON.parse(changed(top, choice, message), (name, member: unknown) =>
        name === gone && gone !== '' ? undefined : member,
      ) as Json;
      all += 1;
      if (await agrees(Buffer.from(spoil(JSON.stringify(value, null, indent))))) taken += 1;
    },
  );
  await fc.assert(property, { numRuns: Number(process.env['PLUGIN_GATEWAY_ANSWERS'] ?? 4_000) });
  assert.ok(taken > all / 5, `the shortcut took ${taken} of ${all}`);
});
