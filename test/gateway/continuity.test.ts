// Continuity: the model remembers what it looked up for earlier answers, though the client never saw it (M18).
import assert from 'node:assert/strict';
import type OpenAI from 'openai';
import type { Completion, JsonObject, ToolCall } from '../../src/openai/chat.ts';
import { memberText, parseRequest } from '../../src/openai/request.ts';
import { ask, bothModes, textOf, type Mode } from './ask.ts';
import { dialects, says, type Call } from './dialects.ts';
import { startGateway, toolResults, type GatewayOptions, type TestGateway } from './gateway.ts';
import type { PluginHandler } from './loopback-plugin.ts';
import { temporaryFolder } from './plugin-folder.ts';

type Messages = OpenAI.ChatCompletionMessageParam[];

const oslo: Call = { id: 'call_oslo', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const rome: Call = { id: 'call_rome', name: 'weather__getWeather', arguments: '{"city":"Rome"}' };
const hello: Messages = [{ role: 'user', content: 'How is Oslo?' }];

/** The conversation after an answer, and the next question, as chat clients send it. */
function goOn(messages: Messages, answer: Completion, next = 'And Rome?'): Messages {
  const content = answer.choices[0]?.message.content as string;
  return [...messages, { role: 'assistant', content }, { role: 'user', content: next }];
}

/** The messages of a request to the upstream, as its bytes say them. */
function sent(gateway: TestGateway, number: number): string {
  const text = gateway.upstream.chats[number]?.body.toString() ?? '{}';
  return memberText(parseRequest(text), 'messages') ?? '';
}

function callIds(gateway: TestGateway, number: number): string[] {
  const messages = gateway.upstream.chats[number]?.json['messages'] as { tool_calls?: ToolCall[] }[];
  return messages.flatMap((message) => (message.tool_calls ?? []).map(({ id }) => id));
}

/** A first turn with one call, and a second turn without any; gives the second question's request. */
async function twoTurns(
  t: Parameters<typeof startGateway>[0],
  mode: Mode,
  change: (messages: Messages) => Messages = (messages) => messages,
  options: GatewayOptions = {},
  request: OpenAI.RequestOptions = {},
): Promise<TestGateway> {
  const script = [says({ calls: [oslo] }), says({ text: 'It is 4 degrees.' }), says({ text: 'Warmer.' })];
  const gateway = await startGateway(t, { script, ...options });
  const messages = goOn(hello, await ask(gateway, mode));
  assert.equal(textOf(await ask(gateway, mode, { messages: change(messages) }, request)), 'Warmer.');
  return gateway;
}

for (const dialect of dialects) {
  bothModes(
    `M18: the next question brings the calls of the last answer, ${dialect}-like`,
    async (t, mode) => {
      const script = [
        says({ calls: [oslo] }, dialect),
        says({ text: 'It is 4 degrees.' }, dialect),
        says({ calls: [rome] }, dialect),
        says({ text: 'It is 20 degrees.' }, dialect),
        says({ text: 'Rome.' }, dialect),
      ];
      const gateway = await startGateway(t, { script });
      const second = goOn(hello, await ask(gateway, mode));
      const third = goOn(second, await ask(gateway, mode, { messages: second }), 'Which is warmer?');
      assert.equal(textOf(await ask(gateway, mode, { messages: third })), 'Rome.');
      const roles = (gateway.upstream.chats[4]?.json['messages'] as JsonObject[]).map(({ role }) => role);
      const turn = ['user', 'assistant', 'tool', 'assistant'];
      assert.deepEqual(roles, ['system', ...turn, ...turn, 'user']);
      // What the upstream has seen is what it sees again: each request begins with the bytes of the one before.
      for (const number of [1, 2, 3, 4]) {
        const before = sent(gateway, number - 1);
        assert.ok(sent(gateway, number).startsWith(before.slice(0, -1)), `request ${number}`);
      }
    },
  );
}

bothModes('M18: only the last text stays where interim text stands in its step again', async (t, mode) => {
  const script = [
    says({ text: 'Let me look.', calls: [oslo] }),
    says({ text: 'It is 4 degrees.' }),
    says({ text: 'Warmer.' }),
  ];
  const gateway = await twoTurns(t, mode, undefined, { script });
  const messages = gateway.upstream.chats[2]?.json['messages'] as JsonObject[];
  assert.deepEqual(
    messages.filter(({ role }) => role === 'assistant').map(({ content }) => content),
    ['Let me look.', 'It is 4 degrees.'],
  );
});

for (const [what, change] of Object.entries<(messages: Messages) => Messages>({
  'as text parts': ([first, , last]) => [
    first as Messages[0],
    { role: 'assistant', content: [{ type: 'text', text: 'It is 4 degrees.' }] },
    last as Messages[0],
  ],
  'with blanks around': ([first, , last]) => [
    { ...first, content: ' How is Oslo?\n' } as Messages[0],
    { role: 'assistant', content: 'It is 4 degrees.\n', refusal: null },
    last as Messages[0],
  ],
})) {
  bothModes(`M18: a history that says the same ${what} gets its calls back`, async (t, mode) => {
    assert.deepEqual(callIds(await twoTurns(t, mode, change), 2), ['call_oslo']);
  });
}

for (const [what, change] of Object.entries<(messages: Messages) => Messages>({
  'an edited question': ([, ...rest]) => [{ role: 'user', content: 'How is Bergen?' }, ...rest],
  'an edited answer': ([first, , last]) => [
    first as Messages[0],
    { role: 'assistant', content: 'It is 5 degrees.' },
    last as Messages[0],
  ],
  'a new system message': (messages) => [{ role: 'system', content: 'Be brief.' }, ...messages],
  'a message put between': ([first, ...rest]) => [
    first as Messages[0],
    { role: 'user', content: 'Well?' },
    ...rest,
  ],
})) {
  bothModes(`M18: ${what} brings nothing back`, async (t, mode) => {
    assert.deepEqual(callIds(await twoTurns(t, mode, change), 2), []);
  });
}

bothModes('M18: nothing comes back when it is switched off', async (t, mode) => {
  const gateway = await twoTurns(t, mode, undefined, { config: { continuity: false } });
  assert.deepEqual(callIds(gateway, 2), []);
});

bothModes('M18: nothing comes back into a request without functions (Q2)', async (t, mode) => {
  const gateway = await twoTurns(t, mode, undefined, {}, { headers: { 'x-plugins': 'none' } });
  assert.deepEqual(callIds(gateway, 2), []);
});

bothModes("I7: another consumer's conversation with the same words gets nothing", async (t, mode) => {
  const consumers = [
    { name: 'alice', key: 'a-key-of-alice-1234', plugins: ['*'] },
    { name: 'bob', key: 'a-key-of-bob-567890', plugins: ['*'] },
  ];
  const as = (at: number) => ({ headers: { authorization: `Bearer ${consumers[at]?.key}` } });
  const gateway = await startGateway(t, {
    config: { access: { consumers } },
    script: [
      says({ calls: [oslo] }),
      says({ text: 'It is 4 degrees.' }),
      says({ text: 'A.' }),
      says({ text: 'B.' }),
    ],
  });
  const messages = goOn(hello, await ask(gateway, mode, {}, as(0)));
  await ask(gateway, mode, { messages }, as(1));
  await ask(gateway, mode, { messages }, as(0));
  assert.deepEqual(callIds(gateway, 2), []);
  assert.deepEqual(callIds(gateway, 3), ['call_oslo']);
});

/** Answers 30,000 characters of the weather of a city. */
const longWeather: PluginHandler = (request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain' }).end(`${request.path} `.padEnd(30_000, 'x'));
};

bothModes('M18: at most 100,000 characters come back, whole steps, the newest', async (t, mode) => {
  const call = (number: number): Call => ({
    id: `call_${number}`,
    name: 'weather__getWeather',
    arguments: JSON.stringify({ city: `City ${number}` }),
  });
  const script = [
    says({ calls: [call(1)] }),
    says({ calls: [call(2)] }),
    says({ text: 'One.' }),
    says({ calls: [call(3)] }),
    says({ calls: [call(4)] }),
    says({ text: 'Two.' }),
    says({ text: 'Three.' }),
  ];
  const gateway = await startGateway(t, { script, api: longWeather });
  const second = goOn(hello, await ask(gateway, mode));
  const third = goOn(second, await ask(gateway, mode, { messages: second }));
  await ask(gateway, mode, { messages: third });
  assert.deepEqual(callIds(gateway, 6), ['call_2', 'call_3', 'call_4']);
  assert.equal(toolResults(gateway.upstream.chats[6]?.json ?? {}).length, 3);
});

bothModes('M18: after a restart the calls come back from the store (P8)', async (t, mode) => {
  const config = { store: { url: `sqlite:${await temporaryFolder(t)}/gateway.db` } };
  const script = [says({ calls: [oslo] }), says({ text: 'It is 4 degrees.' })];
  const before = await startGateway(t, { config, script });
  const messages = goOn(hello, await ask(before, mode));
  await before.app.close();
  const after = await startGateway(t, { config, script: [says({ text: 'Warmer.' })] });
  await ask(after, mode, { messages });
  assert.deepEqual(callIds(after, 0), ['call_oslo']);
});

bothModes('M18: a client that speaks functions gets its calls back too (L1)', async (t, mode) => {
  const functions = [{ name: 'look_up', parameters: { type: 'object' } }];
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }), says({ text: 'It is 4 degrees.' }), says({ text: 'Warmer.' })],
  });
  const messages = goOn(hello, await ask(gateway, mode, { functions }));
  await ask(gateway, mode, { functions, messages });
  assert.deepEqual(callIds(gateway, 2), ['call_oslo']);
});

bothModes('M18: each choice has calls of its own (M6)', async (t, mode) => {
  const gateway = await startGateway(t, {
    script: (request) => {
      const messages = request.json['messages'] as JsonObject[];
      if (request.json['n'] === 2) return says([{ calls: [oslo] }, { calls: [rome] }]);
      const last = JSON.stringify(messages.at(-2));
      return says({ text: last.includes('Rome') ? 'Rome it is.' : 'Oslo it is.' });
    },
  });
  const answer = await ask(gateway, mode, { n: 2 });
  const texts = answer.choices.map(({ message }) => message.content as string);
  assert.deepEqual(texts, ['Oslo it is.', 'Rome it is.']);
  for (const [at, id] of ['call_oslo', 'call_rome'].entries()) {
    const messages: Messages = [...hello, { role: 'assistant', content: texts[at] ?? '' }, ...hello];
    await ask(gateway, mode, { messages });
    assert.deepEqual(callIds(gateway, gateway.upstream.chats.length - 1), [id]);
  }
});

bothModes('P6: another model gets the calls without the reasoning of the first', async (t, mode) => {
  const long = { ...oslo, id: `call_${'x'.repeat(60)}` };
  for (const [model, reasoning] of [
    ['test-model', 'Because.'],
    ['other-model', undefined],
  ]) {
    const gateway = await startGateway(t, {
      script: [
        says({ calls: [long], reasoning: 'Because.' }),
        says({ text: '4.' }),
        says({ text: 'Warmer.' }),
      ],
    });
    const messages = goOn(hello, await ask(gateway, mode));
    await ask(gateway, mode, { messages, model: model ?? '' });
    const restored = (gateway.upstream.chats[2]?.json['messages'] as JsonObject[])[2];
    assert.equal(restored?.['reasoning_content'], reasoning);
    assert.ok(callIds(gateway, 2).every((id) => id.length <= 40));
  }
});
