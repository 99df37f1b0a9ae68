// What goes upstream is put together from the client's bytes: it says what parsing, adding and writing would say.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createInjection, inject } from '../../src/completion/inject.ts';
import type { Json, JsonObject } from '../../src/openai/chat.ts';
import { parseRequest, requestBytes } from '../../src/openai/request.ts';

const own = ['a__one', 'a__two'].map((name) => ({ type: 'function', function: { name, parameters: {} } }));
const words = 'The "words" of\nits author.';
const injection = createInjection({
  functions: own.map((tool) => ({ name: tool.function.name, text: () => JSON.stringify(tool) })),
  instructions: words,
});

/** The same by parsing, for requests that rule nothing out. */
function plainly(request: JsonObject): JsonObject {
  const theirs = Array.isArray(request['tools']) ? request['tools'] : [];
  const [first, ...others] = request['messages'] as JsonObject[];
  const leads = first?.['role'] === 'system' || first?.['role'] === 'developer';
  const content = first?.['content'];
  const extended = Array.isArray(content)
    ? [...content, { type: 'text', text: words }]
    : typeof content === 'string'
      ? `${content}\n\n${words}`
      : words;
  const given = request['stream_options'] as JsonObject | undefined;
  return {
    ...request,
    tools: [...theirs, ...own],
    messages: leads
      ? [{ ...first, content: extended }, ...others]
      : [{ role: 'system', content: words }, ...(first ? [first] : []), ...others],
    ...(request['stream'] === true && { stream_options: { ...given, include_usage: true } }),
  };
}

const value = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>;
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('"]}', '\\', '{"tools":[', '\\"', '[', ''),
);
const content = fc.oneof(text, fc.constant(null), fc.array(fc.record({ type: fc.constant('text'), text })));
const message = fc.record(
  { role: fc.constantFrom('system', 'developer', 'user', 'assistant'), content, name: value },
  { requiredKeys: ['role'] },
);
const tool = fc.record({
  type: fc.constant('function'),
  function: fc.record({ name: text, parameters: value }),
});
const request = fc.record(
  {
    model: text,
    messages: fc.array(message, { maxLength: 4 }),
    tools: fc.oneof(fc.array(tool, { maxLength: 3 }), fc.constant(null)),
    stream: fc.boolean(),
    stream_options: fc.record({ include_obfuscation: fc.boolean() }),
    tool_choice: fc.constantFrom('auto', null),
    'a "name": [': value,
    metadata: value,
  },
  { requiredKeys: ['messages'] },
);

/** The text of a value with blanks between the tokens, names escaped, or neither. */
const written: fc.Arbitrary<(given: unknown) => string> = fc.constantFrom(
  (given: unknown) => JSON.stringify(given),
  (given: unknown) => `\t${JSON.stringify(given, null, '\r\n ')} `,
  (given: unknown) => JSON.stringify(given).replace('"messages":', '"mess\\u0061ges" : '),
);

test('Q3, M16: the bytes say what JSON.parse, inject, stringify would say', () => {
  fc.assert(
    fc.property(request, written, (given, write) => {
      const sent = write(given);
      const plain = JSON.parse(sent) as JsonObject;
      assert.deepEqual(
        JSON.parse(String(requestBytes(inject(parseRequest(sent), injection).request))),
        JSON.parse(JSON.stringify(plainly(plain))),
      );
    }),
    { numRuns: Number(process.env['PLUGIN_GATEWAY_REQUESTS'] ?? 4_000) },
  );
});
