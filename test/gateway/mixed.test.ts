// Scenarios 39 to 46: a client's own tools and plugins in the same conversation, nothing lost on either side.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type OpenAI from 'openai';
import type { Completion, JsonObject, ToolCall } from '../../src/openai/chat.ts';
import { ask, question, scenario, streamScenario, textOf, times, type Mode } from './ask.ts';
import { says, usualUsage, type Call, type Dialect } from './dialects.ts';
import { startGateway, toolNames, toolResults, type GatewayOptions, type TestGateway } from './gateway.ts';
import { answerJson } from './loopback-plugin.ts';
import { answerJson as upstreamJson } from './loopback-upstream.ts';
import { temporaryFolder } from './plugin-folder.ts';

const lookUp = {
  type: 'function' as const,
  function: {
    name: 'look_up',
    description: 'Looks a word up.',
    strict: true,
    parameters: {
      type: 'object',
      properties: { word: { type: 'string' } },
      required: ['word'],
      additionalProperties: false,
    },
  },
};
const tools = [lookUp];
const oslo: Call = { id: 'call_own', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const fjord: Call = { id: 'call_client', name: 'look_up', arguments: '{"word":"fjord"}' };

/** The messages that a client sends after it has answered the calls of an answer. */
function followUp(answer: Completion, result = 'a long bay'): OpenAI.ChatCompletionMessageParam[] {
  const message = answer.choices[0]?.message;
  const calls = message?.tool_calls ?? [];
  return [
    ...question,
    message as unknown as OpenAI.ChatCompletionMessageParam,
    ...calls.map((call: ToolCall) => ({ role: 'tool' as const, tool_call_id: call.id, content: result })),
  ];
}

function callsOf(message: JsonObject | undefined): ToolCall[] {
  return (message?.['tool_calls'] ?? []) as unknown as ToolCall[];
}

scenario(`39: only the client's tool is called`, async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [fjord] }, dialect), says({ text: 'A bay.' }, dialect)],
  });
  const answer = await ask(gateway, mode, { tools });
  const [choice] = answer.choices;
  assert.equal(choice?.finish_reason, 'tool_calls');
  const [call] = choice.message.tool_calls ?? [];
  assert.equal(call?.function.name, 'look_up');
  assert.equal(call.function.arguments, fjord.arguments);
  if (dialect !== 'gemini') assert.equal(call.id, 'call_client', "P4: the id is the upstream's");
  assert.equal(gateway.api.requests.length, 0);
  assert.equal(textOf(await ask(gateway, mode, { tools, messages: followUp(answer) })), 'A bay.');
  const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  assert.deepEqual(
    sent.map((message) => message['role']).filter((role) => role !== 'system'),
    ['user', 'assistant', 'tool'],
  );
});

for (const order of ['own first', 'client first'] as const) {
  scenario(`40: own and client call in one answer, ${order} (P1, P5)`, (t, mode, dialect) =>
    mixedTurn(t, mode, dialect, order),
  );
}

async function mixedTurn(t: TestContext, mode: Mode, dialect: Dialect, order: string): Promise<void> {
  const calls = order === 'own first' ? [oslo, fjord] : [fjord, oslo];
  const gateway = await startGateway(t, {
    script: [says({ calls }, dialect), says({ text: 'A bay at 4 degrees.' }, dialect)],
    api: answerJson({ degrees: 4 }),
  });
  const answer = await ask(gateway, mode, { tools });
  const [choice] = answer.choices;
  assert.equal(choice?.finish_reason, 'tool_calls');
  assert.deepEqual(
    choice.message.tool_calls?.map((call) => call.function.name),
    ['look_up'],
    "only the client's call is shown",
  );
  assert.equal(gateway.api.requests.length, 1, 'the own call runs at once');

  assert.equal(
    textOf(await ask(gateway, mode, { tools, messages: followUp(answer) })),
    'A bay at 4 degrees.',
  );
  assert.equal(gateway.api.requests.length, 1, 'and never again');
  const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  const full = sent.find((message) => message['role'] === 'assistant');
  assert.deepEqual(
    callsOf(full).map((call) => call.function.name),
    calls.map((call) => call.name),
    'P5: the full message, in the original order',
  );
  const results = sent.filter((message) => message['role'] === 'tool');
  assert.deepEqual(
    results.map((message) => message['content']),
    calls.map((call) => (call === oslo ? '{"degrees":4}' : 'a long bay')),
    'P5: results in the order of the calls',
  );
  assert.deepEqual(
    results.map((message) => message['tool_call_id']),
    callsOf(full).map((call) => call.id),
  );
}

scenario(
  '40: earlier own steps of the run come back too, with every later request (P2, P8)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [
        says({ calls: [{ ...oslo, id: 'call_first' }] }, dialect),
        says({ text: 'Wait.', calls: [oslo, fjord] }, dialect),
        says({ text: 'A bay.' }, dialect),
        says({ text: 'Goodbye.' }, dialect),
      ],
    });
    const answer = await ask(gateway, mode, { tools });
    assert.deepEqual(answer.usage, times(usualUsage, 2));
    const messages = followUp(answer);
    const second = await ask(gateway, mode, { tools, messages });
    const third = [
      ...messages,
      { role: 'assistant' as const, content: String(textOf(second)) },
      { role: 'user' as const, content: 'Thanks' },
    ];
    await ask(gateway, mode, { tools, messages: third });
    for (const chat of gateway.upstream.chats.slice(2)) {
      const sent = chat.json['messages'] as JsonObject[];
      assert.deepEqual(
        sent.flatMap((message) => callsOf(message).map((call) => call.function.name)),
        [oslo.name, oslo.name, fjord.name],
      );
    }
  },
);

scenario(
  '40: own steps come back too when the last step calls the client alone (P2)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [
        says({ calls: [oslo] }, dialect),
        says({ text: 'Hm.', calls: [fjord] }, dialect),
        says({ text: 'A bay.' }, dialect),
      ],
    });
    const answer = await ask(gateway, mode, { tools });
    await ask(gateway, mode, { tools, messages: followUp(answer) });
    const sent = gateway.upstream.chats[2]?.json['messages'] as JsonObject[];
    assert.deepEqual(
      sent.flatMap((message) => callsOf(message).map((call) => call.function.name)),
      [oslo.name, fjord.name],
    );
    assert.equal(gateway.api.requests.length, 1);
  },
);

scenario(
  '40: another consumer with the same history gets nothing of it (P3, I7)',
  async (t, mode, dialect) => {
    const consumers = [
      { name: 'alice', key: 'a-key-of-alice-1234', plugins: ['*'] },
      { name: 'bob', key: 'a-key-of-bob-567890', plugins: ['*'] },
    ];
    const gateway = await startGateway(t, {
      config: { access: { consumers } },
      script: [says({ calls: [oslo, fjord] }, dialect), says({ text: 'A bay.' }, dialect)],
      api: answerJson({ secret: 'of alice' }),
    });
    const as = (name: number) => ({ headers: { authorization: `Bearer ${consumers[name]?.key}` } });
    const answer = await ask(gateway, mode, { tools }, as(0));
    await ask(gateway, mode, { tools, messages: followUp(answer) }, as(1));
    assert.doesNotMatch(gateway.upstream.chats[1]?.body.toString() ?? '', /of alice|call_own/);
  },
);

scenario(
  '40: a history that the client edited misses and goes on as it stands (P4, P7)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ calls: [oslo, fjord] }, dialect), says({ text: 'ok' }, dialect)],
    });
    const answer = await ask(gateway, mode, { tools });
    const messages = followUp(answer);
    messages[0] = { role: 'user', content: 'Something else' };
    await ask(gateway, mode, { tools, messages });
    const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
    assert.deepEqual(
      sent.flatMap((message) => callsOf(message).map((call) => call.function.name)),
      [fjord.name],
    );
  },
);

scenario(
  '41: after a restart without a store the follow-up is sent as the client has it (P7)',
  async (t, mode, dialect) => {
    const answer = await ask(await startMixed(t, dialect), mode, { tools });
    const restarted = await startGateway(t, { script: [says({ text: 'A bay.' }, dialect)] });
    assert.equal(textOf(await ask(restarted, mode, { tools, messages: followUp(answer) })), 'A bay.');
    const sent = restarted.upstream.chats[0]?.json['messages'] as JsonObject[];
    assert.deepEqual(
      sent.flatMap((message) => callsOf(message).map((call) => call.function.name)),
      [fjord.name],
    );
    assert.equal(restarted.api.requests.length, 0);
  },
);

scenario('41: after a restart with a store the hidden part comes back (P8)', async (t, mode, dialect) => {
  const store = { url: `sqlite:${await temporaryFolder(t)}/gateway.db` };
  const before = await startMixed(t, dialect, { config: { store } });
  const answer = await ask(before, mode, { tools });
  await before.app.close();
  const restarted = await startGateway(t, { config: { store }, script: [says({ text: 'A bay.' }, dialect)] });
  assert.equal(textOf(await ask(restarted, mode, { tools, messages: followUp(answer) })), 'A bay.');
  const sent = restarted.upstream.chats[0]?.json['messages'] as JsonObject[];
  assert.deepEqual(
    sent.flatMap((message) => callsOf(message).map((call) => call.function.name)),
    [oslo.name, fjord.name],
  );
  assert.equal(restarted.api.requests.length, 0);
});

function startMixed(t: TestContext, dialect: Dialect, options: GatewayOptions = {}): Promise<TestGateway> {
  return startGateway(t, { script: [says({ calls: [oslo, fjord] }, dialect)], ...options });
}

scenario(
  "42: a client tool with an own function's name: the client's wins (I6, M20)",
  async (t, mode, dialect) => {
    const same = {
      type: 'function' as const,
      function: { name: 'weather__getWeather', parameters: { type: 'object' } },
    };
    const gateway = await startGateway(t, { unchecked: true, script: [says({ calls: [oslo] }, dialect)] });
    const answer = await ask(gateway, mode, { tools: [same] });
    assert.equal(answer.choices[0]?.finish_reason, 'tool_calls');
    assert.equal(answer.choices[0].message.tool_calls?.[0]?.function.name, 'weather__getWeather');
    assert.equal(gateway.api.requests.length, 0);
    const request = gateway.upstream.chats[0]?.json ?? {};
    assert.deepEqual(toolNames(request), ['weather__getWeather', 'weather__addAlert', 'weather__now']);
    assert.deepEqual((request['tools'] as unknown[])[0], same);
  },
);

scenario('40: own steps before a step of client calls alone come back too (P2)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ calls: [oslo] }, dialect),
      says({ calls: [fjord] }, dialect),
      says({ text: 'A bay.' }, dialect),
    ],
  });
  const answer = await ask(gateway, mode, { tools });
  assert.equal(textOf(await ask(gateway, mode, { tools, messages: followUp(answer) })), 'A bay.');
  const messages = gateway.upstream.chats[2]?.json['messages'] as JsonObject[];
  assert.deepEqual(
    messages.flatMap((message) => callsOf(message).map((call) => call.function.name)),
    ['weather__getWeather', 'look_up'],
  );
  assert.equal(gateway.api.requests.length, 1);
});

scenario(
  '40: what the client was shown of hidden steps and edited is not told twice (P6)',
  async (t, mode) => {
    const gateway = await startGateway(t, {
      script: [
        says({ text: 'Let me look.', calls: [{ ...oslo, id: 'call_first' }] }),
        says({ text: 'Now yours.', calls: [oslo, fjord] }),
        says({ text: 'A bay.' }),
      ],
    });
    const [, message, ...results] = followUp(await ask(gateway, mode, { tools }));
    assert.equal(message?.content, 'Let me look.\n\nNow yours.');
    const edited = { ...message, content: 'Let me look.\n\nNow mine.' } as typeof message;
    await ask(gateway, mode, { tools, messages: [...question, edited, ...results] });
    const sent = gateway.upstream.chats[2]?.json['messages'] as JsonObject[];
    assert.deepEqual(
      sent.filter(({ role }) => role === 'assistant').map(({ content }) => content),
      [null, 'Let me look.\n\nNow mine.'],
    );
  },
);

scenario('40: another model gets the part without the reasoning of the first (P6)', async (t, mode) => {
  for (const [model, reasoning] of [
    ['test-model', 'Because.'],
    ['other-model', undefined],
  ] as const) {
    const long = { ...oslo, id: `call_${'x'.repeat(60)}` };
    const gateway = await startGateway(t, {
      script: [says({ calls: [long, fjord], reasoning: 'Because.' }), says({ text: 'A bay.' })],
    });
    const answer = await ask(gateway, mode, { tools });
    await ask(gateway, mode, { tools, messages: followUp(answer), model });
    const messages = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
    const restored = messages.find((message) => callsOf(message).length > 0);
    assert.equal(restored?.['reasoning_content'], reasoning);
    assert.ok(callsOf(restored).every(({ id }) => id.length <= 40));
  }
});

scenario(
  '41: a client that speaks functions finds its part after a restart too (L5, P8)',
  async (t, mode) => {
    const store = { url: `sqlite:${await temporaryFolder(t)}/gateway.db` };
    const functions = [{ name: 'look_up', parameters: { type: 'object' } }];
    const before = await startMixed(t, 'openai', { config: { store } });
    const answer = await ask(before, mode, { functions });
    const message = answer.choices[0]?.message as unknown as OpenAI.ChatCompletionAssistantMessageParam;
    assert.equal(message.function_call?.name, 'look_up');
    await before.app.close();
    const restarted = await startGateway(t, { config: { store }, script: [says({ text: 'A bay.' })] });
    const result = { role: 'function' as const, name: 'look_up', content: 'a long bay' };
    const messages = [...question, message, result];
    assert.equal(textOf(await ask(restarted, mode, { functions, messages })), 'A bay.');
    const sent = restarted.upstream.chats[0]?.json['messages'] as JsonObject[];
    assert.deepEqual(
      sent.flatMap((one) => callsOf(one).map((call) => call.function.name)),
      ['weather__getWeather', 'look_up'],
    );
    assert.deepEqual(toolResults(restarted.upstream.chats[0]?.json ?? {}), [{ ok: true }, 'a long bay']);
  },
);

for (const kind of ['memory:', 'sqlite:'] as const) {
  scenario(`40: clients at once, all with the same ids, find their own parts, ${kind}`, async (t, mode) => {
    const consumers = ['alice', 'bob', 'carol'].map((name) => ({
      name,
      key: `a-key-of-${name}-1234`,
      plugins: ['*'],
    }));
    const url = kind === 'memory:' ? kind : `sqlite:${await temporaryFolder(t)}/gateway.db`;
    const gateway = await startGateway(t, {
      config: { access: { consumers }, store: { url } },
      script: (request) => {
        const messages = request.json['messages'] as JsonObject[];
        const asked = messages.find(({ role }) => role === 'user')?.['content'];
        const city = { ...oslo, arguments: JSON.stringify({ city: asked }) };
        const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
        return says(results.length === 0 ? { calls: [city, fjord] } : { text: results.join(' ') });
      },
      api: (request, response) => void response.end(request.path),
    });
    const conversations = consumers.flatMap(({ name, key }) =>
      [1, 2, 3].map((number) => ({
        said: `${name}${number}`,
        as: { headers: { authorization: `Bearer ${key}` } },
      })),
    );
    const texts = conversations.map(async ({ said, as }) => {
      const messages = [{ role: 'user' as const, content: said }];
      const answer = await ask(gateway, mode, { tools, messages }, as);
      const next = [...messages, ...followUp(answer, `word of ${said}`).slice(1)];
      return textOf(await ask(gateway, mode, { tools, messages: next }, as));
    });
    assert.deepEqual(
      await Promise.all(texts),
      conversations.map(({ said }) => `/weather/${said} word of ${said}`),
    );
  });
}

scenario('43: strict client tools go on byte for byte, ours after them (M16)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, { script: [says({ calls: [fjord] }, dialect)] });
  await ask(gateway, mode, { tools });
  assert.deepEqual((gateway.upstream.chats[0]?.json['tools'] as unknown[])[0], lookUp);
  assert.ok(gateway.upstream.chats[0]?.body.includes(JSON.stringify(lookUp)));
});

streamScenario('43: .stream() parses strict client tools', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), says({ calls: [fjord] }, dialect)],
  });
  const stream = gateway.client.chat.completions.stream({ model: 'm', messages: question, tools });
  const message = await stream.finalMessage();
  const [call] = message.tool_calls ?? [];
  assert.ok(call?.type === 'function' && 'parsed_arguments' in call.function);
  assert.deepEqual(call.function.parsed_arguments, { word: 'fjord' });
});

scenario('44: allowed_tools: nothing is injected (Q2)', async (t, mode, dialect) => {
  const tool_choice: OpenAI.ChatCompletionAllowedToolChoice = {
    type: 'allowed_tools',
    allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'look_up' } }] },
  };
  const gateway = await startGateway(t, { script: [says({ text: 'Plain.' }, dialect)] });
  assert.equal(textOf(await ask(gateway, mode, { tools, tool_choice })), 'Plain.');
  assert.deepEqual(gateway.upstream.chats[0]?.json['tools'], tools);
  assert.deepEqual(gateway.upstream.chats[0]?.json['tool_choice'], tool_choice);
});

const custom = { type: 'custom' as const, custom: { name: 'run_code' } };

test('scenario 45 json: a call to a custom tool passes (M20)', async (t) => {
  const call = { id: 'call_x', type: 'custom', custom: { name: 'run_code', input: 'print(1)' } };
  const message = { role: 'assistant', content: null, refusal: null, tool_calls: [call] };
  const body = {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message, finish_reason: 'tool_calls', logprobs: null }],
    usage: usualUsage,
  };
  const gateway = await startGateway(t, { script: [upstreamJson(body)] });
  const answer = await ask(gateway, 'json', { tools: [custom] });
  assert.deepEqual(answer.choices[0]?.message.tool_calls, [call]);
  assert.equal(answer.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual((gateway.upstream.chats[0]?.json['tools'] as unknown[])[0], custom);
});

scenario('46: parallel_tool_calls: false goes upstream in every step', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), says({ text: 'Done.' }, dialect)],
  });
  assert.equal(textOf(await ask(gateway, mode, { parallel_tool_calls: false })), 'Done.');
  for (const chat of gateway.upstream.chats) assert.equal(chat.json['parallel_tool_calls'], false);
});

test("case 32: a client's tool with the name of a function is the client's: ours is hidden and never run", async (t) => {
  const own = { type: 'function' as const, function: { name: oslo.name, parameters: { type: 'object' } } };
  const gateway = await startGateway(t, { script: [says({ calls: [oslo] })], unchecked: true });
  const answer = await ask(gateway, 'json', { tools: [own] });
  assert.equal(answer.choices[0]?.finish_reason, 'tool_calls');
  assert.equal(callsOf(answer.choices[0].message)[0]?.function.name, oslo.name);
  const names = toolNames(gateway.upstream.chats[0]?.json ?? {});
  assert.deepEqual([names.filter((name) => name === oslo.name).length, gateway.api.requests.length], [1, 0]);
  const [record] = await gateway.logged('functions not offered');
  assert.equal(record?.['hidden'], 1);
});
