// Scenarios 13 to 28: plugin calls, blocking and streamed, in six dialects of upstreams.
import assert from 'node:assert/strict';
import { ask, jsonScenario, onlyIn, question, scenario, textOf, times } from './ask.ts';
import { says, usualUsage, type Call } from './dialects.ts';
import { startGateway, testBudget, toolNames, toolResults, type TestGateway } from './gateway.ts';
import { answerJson, hang } from './loopback-plugin.ts';
import type { JsonObject } from '../../src/openai/chat.ts';

const weatherNames = ['weather__addAlert', 'weather__getWeather', 'weather__now'];

function weatherIn(city: string, id = `call_${city}`): Call {
  return { id, name: 'weather__getWeather', arguments: JSON.stringify({ city, units: 'imperial' }) };
}

/** Asserts that every step sent the same tools, and its messages as the beginning of the next one's (M16). */
function assertAppendOnly(gateway: TestGateway): void {
  const steps = gateway.upstream.chats.map((chat) => chat.json);
  for (const [at, step] of steps.entries()) {
    assert.equal(JSON.stringify(step['tools']), JSON.stringify(steps[0]?.['tools']), 'M16: same tools');
    const before = (steps[at - 1]?.['messages'] ?? []) as unknown[];
    const messages = step['messages'] as unknown[];
    assert.deepEqual(messages.slice(0, before.length), before, 'M16: append only');
  }
}

scenario('13: one call', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ calls: [weatherIn('Oslo')] }, dialect, 13),
      says({ text: 'It is 4 °C in Oslo.' }, dialect, 31),
    ],
    api: answerJson({ degrees: 4 }),
  });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'It is 4 °C in Oslo.');
  assert.equal(answer.choices[0]?.finish_reason, 'stop');
  assert.ok(!('tool_calls' in answer.choices[0].message));
  assert.deepEqual(answer.usage, times(usualUsage, 2), 'M2: usage is the exact sum');
  if (mode === 'json') assert.equal(gateway.wire[0]?.headers.get('x-plugin-calls'), '1');
  assert.deepEqual(
    gateway.api.requests.map(({ method, path }) => `${method} ${path}`),
    ['GET /weather/Oslo?units=imperial'],
  );
  const [first, second] = gateway.upstream.chats.map((chat) => chat.json);
  assert.deepEqual(toolNames(first ?? {}), weatherNames);
  assert.deepEqual(toolResults(second ?? {}), [{ degrees: 4 }]);
  assertAppendOnly(gateway);
});

scenario('14: two steps with calls', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ calls: [weatherIn('Oslo')] }, dialect),
      says(
        { calls: [{ id: 'call_2', name: 'weather__addAlert', arguments: '{"city":"Oslo","level":2}' }] },
        dialect,
      ),
      says({ text: 'Done.' }, dialect),
    ],
  });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'Done.');
  assert.deepEqual(answer.usage, times(usualUsage, 3));
  const alert = gateway.api.requests[1];
  assert.equal(
    `${alert?.method} ${alert?.path} ${String(alert?.body)}`,
    'POST /alerts {"city":"Oslo","level":2}',
  );
  assert.equal(alert?.headers['content-type'], 'application/json');
  assertAppendOnly(gateway);
});

scenario('15: three parallel calls', async (t, mode, dialect) => {
  const all = Promise.withResolvers<void>();
  const arrived: string[] = [];
  const gateway = await startGateway(t, {
    script: [
      says({ calls: ['Oslo', 'Rome', 'Lima'].map((city) => weatherIn(city)) }, dialect),
      says({ text: 'All well.' }, dialect),
    ],
    api: async (request, response) => {
      arrived.push(request.path);
      if (arrived.length === 3) all.resolve();
      // Nobody is answered before all have come: proves that the calls run in parallel.
      await all.promise;
      response.end(JSON.stringify({ at: request.path }));
    },
  });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'All well.');
  assert.deepEqual(
    toolResults(gateway.upstream.chats[1]?.json ?? {}),
    ['Oslo', 'Rome', 'Lima'].map((city) => ({ at: `/weather/${city}?units=imperial` })),
    'results keep the order of the calls',
  );
  assertAppendOnly(gateway);
});

scenario(`16: no call made: the answer is the upstream's`, async (t, mode, dialect) => {
  const gateway = await startGateway(t, { script: [says({ text: 'Grüße aus dem All 🚀' }, dialect, 5)] });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'Grüße aus dem All 🚀');
  assert.equal(answer.choices[0]?.finish_reason, 'stop');
  assert.deepEqual(answer.usage, usualUsage);
  assert.equal(gateway.api.requests.length, 0);
});

jsonScenario(
  "13: the finish reason in the upstream's own words is the last step's (E14)",
  async (t, dialect) => {
    // OpenRouter sends each step to another upstream if it likes: the last one has no such member here.
    const gateway = await startGateway(t, {
      script: [says({ text: 'Hm.', calls: [weatherIn('Oslo')] }, dialect), says({ text: 'Done.' }, 'openai')],
    });
    const answer = await ask(gateway, 'json');
    assert.equal(textOf(answer), 'Hm.\n\nDone.');
    assert.notEqual(answer.choices[0]?.['native_finish_reason'], 'tool_calls');
  },
  onlyIn(['openrouter'], 'it has no reason of its own'),
);

scenario('17: a plugin that answers 500 is reported to the model (R7)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [weatherIn('Oslo')] }, dialect), says({ text: 'It is broken.' }, dialect)],
    api: answerJson({ detail: 'database is down' }, 500),
  });
  assert.equal(textOf(await ask(gateway, mode)), 'It is broken.');
  const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as { error: JsonObject }[];
  assert.equal(result?.error['code'], 'plugin_http_error');
  assert.equal(result.error['status'], 500);
  assert.match(JSON.stringify(result), /database is down/);
});

scenario(
  '18: a plugin that does not answer in time is reported to the model (R8)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ calls: [weatherIn('Oslo')] }, dialect), says({ text: 'It is slow.' }, dialect)],
      api: hang,
      settings: () => ({ weather: { timeout: '150ms' } }),
    });
    assert.equal(textOf(await ask(gateway, mode)), 'It is slow.');
    const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as { error: JsonObject }[];
    assert.equal(result?.error['code'], 'plugin_timeout');
    await gateway.api.requests[0]?.abandoned;
  },
);

for (const bad of ['no JSON at all', '[1,2]', '{"city":{"a":1}}', '{}', '{"city":"Oslo","units":"kelvin"}']) {
  scenario(`19: arguments ${bad} are an error result, no request is sent (A5)`, async (t, mode, dialect) => {
    const call = { id: 'call_1', name: 'weather__getWeather', arguments: bad };
    const gateway = await startGateway(t, {
      script: [says({ calls: [call] }, dialect), says({ text: 'Sorry.' }, dialect)],
    });
    assert.equal(textOf(await ask(gateway, mode)), 'Sorry.');
    const [result] = toolResults(gateway.upstream.chats[1]?.json ?? {}) as { error: JsonObject }[];
    assert.equal(result?.error['code'], 'invalid_arguments');
    assert.equal(gateway.api.requests.length, 0);
    const messages = gateway.upstream.chats[1]?.json['messages'] as {
      tool_calls?: { function: JsonObject }[];
    }[];
    const echoed = messages.flatMap((message) => message.tool_calls ?? [])[0];
    assert.equal(echoed?.function['arguments'], bad, 'the model sees its own words');
  });
}

scenario('20: a model that never stops calling gets a closing step (M12)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    config: { budget: testBudget({ steps: 3 }) },
    script: (request, number) =>
      request.json['tool_choice'] === 'none'
        ? says({ text: 'I stop here.' }, dialect)
        : says({ calls: [weatherIn(`City${number}`)] }, dialect),
  });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'I stop here.');
  assert.equal(gateway.upstream.chats.length, 3);
  assert.equal(gateway.api.requests.length, 2);
  assert.equal(gateway.upstream.chats[2]?.json['tool_choice'], 'none');
  assert.deepEqual(answer.usage, times(usualUsage, 3));
  assertAppendOnly(gateway);
});

scenario(
  '20: calls in the closing step are ignored; without text one sentence ends it (M12)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      config: { budget: testBudget({ steps: 2 }) },
      script: (_request, number) => says({ calls: [weatherIn(`City${number}`)] }, dialect),
    });
    const answer = await ask(gateway, mode);
    assert.equal(gateway.upstream.chats.length, 2);
    assert.equal(gateway.api.requests.length, 1);
    assert.ok(textOf(answer), 'a sentence');
    assert.equal(answer.choices[0]?.finish_reason, 'length');
  },
);

scenario(
  '20: the third identical call gets the earlier result, no request (M12)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: (_request, number) =>
        number < 3
          ? says({ calls: [weatherIn('Oslo', `call_${number}`)] }, dialect)
          : says({ text: 'ok' }, dialect),
    });
    assert.equal(textOf(await ask(gateway, mode)), 'ok');
    assert.equal(gateway.api.requests.length, 2);
    assert.equal(toolResults(gateway.upstream.chats[3]?.json ?? {}).length, 3);
  },
);

scenario('20: calls over the limit get an error result (M12)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    config: { budget: testBudget({ calls: 2 }) },
    script: [
      says({ calls: ['A', 'B', 'C'].map((city) => weatherIn(city)) }, dialect),
      says({ text: 'ok' }, dialect),
    ],
  });
  assert.equal(textOf(await ask(gateway, mode)), 'ok');
  assert.equal(gateway.api.requests.length, 2);
  const results = toolResults(gateway.upstream.chats[1]?.json ?? {}) as JsonObject[];
  assert.ok(results[2]?.['error'], JSON.stringify(results));
});

scenario('21: the token budget bounds the sum of the steps (M9)', async (t, mode, dialect) => {
  const usage = { prompt_tokens: 10, completion_tokens: 40, total_tokens: 50 };
  const gateway = await startGateway(t, {
    script: [says({ calls: [weatherIn('Oslo')], usage }, dialect), says({ text: 'Done.' }, dialect)],
  });
  await ask(gateway, mode, { max_completion_tokens: 100 });
  assert.equal(gateway.upstream.chats[0]?.json['max_completion_tokens'], 100);
  assert.equal(gateway.upstream.chats[1]?.json['max_completion_tokens'], 60);
});

scenario('21: with the tokens spent, own calls are not executed (M9)', async (t, mode, dialect) => {
  const usage = { prompt_tokens: 10, completion_tokens: 90, total_tokens: 100 };
  const gateway = await startGateway(t, {
    script: [says({ text: 'Let me see.', calls: [weatherIn('Oslo')], usage }, dialect)],
  });
  const answer = await ask(gateway, mode, { max_completion_tokens: 100 });
  assert.equal(answer.choices[0]?.finish_reason, 'length');
  assert.equal(textOf(answer), 'Let me see.');
  assert.equal(gateway.api.requests.length, 0);
  assert.equal(gateway.upstream.chats.length, 1);
  assert.deepEqual(answer.usage, usage);
});

scenario(
  '21: a request for a title (fewer than 64 tokens) gets nothing injected (Q2)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, { script: [says({ text: 'Weather' }, dialect)] });
    assert.equal(textOf(await ask(gateway, mode, { max_completion_tokens: 40 })), 'Weather');
    assert.deepEqual(toolNames(gateway.upstream.chats[0]?.json ?? {}), []);
  },
);

scenario(
  '22: a json_schema answer after a call (M13); text of an earlier step is dropped (M4)',
  async (t, mode, dialect) => {
    const schema = { type: 'object', properties: { degrees: { type: 'number' } }, required: ['degrees'] };
    const gateway = await startGateway(t, {
      script: [
        says({ text: 'Looking.', calls: [weatherIn('Oslo')] }, dialect),
        says({ text: '{"degrees":4}' }, dialect),
      ],
    });
    const answer = await ask(gateway, mode, {
      response_format: { type: 'json_schema', json_schema: { name: 'weather', schema, strict: false } },
    });
    assert.equal(textOf(answer), '{"degrees":4}');
    for (const chat of gateway.upstream.chats) {
      assert.equal((chat.json['response_format'] as JsonObject)['type'], 'json_schema');
    }
  },
);

scenario(
  '23: tool_choice required without client tools is asked once, then auto (M10)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ calls: [weatherIn('Oslo')] }, dialect), says({ text: 'Done.' }, dialect)],
    });
    assert.equal(textOf(await ask(gateway, mode, { tool_choice: 'required' })), 'Done.');
    assert.equal(gateway.upstream.chats[0]?.json['tool_choice'], 'required');
    assert.ok(
      [undefined, 'auto'].includes(gateway.upstream.chats[1]?.json['tool_choice'] as string | undefined),
    );
  },
);

const lookUp = {
  type: 'function' as const,
  function: { name: 'look_up', parameters: { type: 'object', properties: { word: { type: 'string' } } } },
};

for (const tool_choice of [
  'none' as const,
  'required' as const,
  { type: 'function' as const, function: { name: 'look_up' } },
]) {
  scenario(
    `24: tool_choice ${JSON.stringify(tool_choice)} with client tools: nothing is injected (Q2)`,
    async (t, mode, dialect) => {
      const gateway = await startGateway(t, { script: [says({ text: 'Plain.' }, dialect)] });
      assert.equal(textOf(await ask(gateway, mode, { tools: [lookUp], tool_choice })), 'Plain.');
      const [chat] = gateway.upstream.chats;
      assert.deepEqual(chat?.json['tools'], [lookUp]);
      assert.deepEqual(chat?.json['tool_choice'], tool_choice);
    },
  );
}

const legacy = { functions: [lookUp.function] };

scenario('25: legacy functions, not called (L1)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [weatherIn('Oslo')] }, dialect), says({ text: 'Done.' }, dialect)],
  });
  const answer = await ask(gateway, mode, legacy);
  assert.equal(textOf(answer), 'Done.');
  assert.equal(answer.choices[0]?.finish_reason, 'stop');
  const request = gateway.upstream.chats[0]?.json ?? {};
  assert.deepEqual(toolNames(request), ['look_up', ...weatherNames]);
  assert.equal(request['parallel_tool_calls'], false);
  assert.ok(!('functions' in request));
  assert.equal(gateway.api.requests.length, 1);
});

scenario("26: legacy, the client's function called, then its result (L2, L3)", async (t, mode, dialect) => {
  const call = { id: 'call_9', name: 'look_up', arguments: '{"word":"fjord"}' };
  const gateway = await startGateway(t, {
    script: [says({ calls: [call] }, dialect), says({ text: 'A long bay.' }, dialect)],
  });
  const answer = await ask(gateway, mode, legacy);
  const [choice] = answer.choices;
  assert.equal(choice?.finish_reason, 'function_call');
  assert.deepEqual(choice.message['function_call'], { name: 'look_up', arguments: '{"word":"fjord"}' });
  assert.equal(choice.message.content, null);
  assert.ok(!('tool_calls' in choice.message));

  const followUp = await ask(gateway, mode, {
    ...legacy,
    messages: [
      ...question,
      { role: 'assistant', content: null, function_call: { name: 'look_up', arguments: '{"word":"fjord"}' } },
      { role: 'function', name: 'look_up', content: 'a long bay' },
    ],
  });
  assert.equal(textOf(followUp), 'A long bay.');
  const messages = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  assert.ok(!messages.some((message) => message['role'] === 'function' || 'function_call' in message));
  assert.equal(messages.at(-1)?.['role'], 'tool');
});

scenario(
  '27: n=2, both choices call the same: each goes on alone, the request is sent once (M6)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: (request) => {
        const last = (request.json['messages'] as JsonObject[]).at(-1);
        if (last?.['role'] === 'user') {
          return says(
            [{ calls: [weatherIn('Oslo', 'call_a')] }, { calls: [weatherIn('Oslo', 'call_b')] }],
            dialect,
          );
        }
        return says({ text: last?.['tool_call_id'] === 'call_a' ? 'First.' : 'Second.' }, dialect);
      },
    });
    const answer = await ask(gateway, mode, { n: 2 });
    assert.deepEqual(
      answer.choices.map((choice) => [choice.index, choice.message.content, choice.finish_reason]),
      [
        [0, 'First.', 'stop'],
        [1, 'Second.', 'stop'],
      ],
    );
    assert.equal(gateway.api.requests.length, 1);
    assert.deepEqual(answer.usage, times(usualUsage, 3));
    const [first, ...later] = gateway.upstream.chats;
    assert.equal(first?.json['n'], 2);
    for (const chat of later) assert.ok(chat.json['n'] === undefined || chat.json['n'] === 1);
  },
  { except: { gemini: 'its calls have no ids, by which this upstream tells the choices apart' } },
);

scenario('27: n=2, one choice calls and the other answers (M6)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says([{ text: 'At once.' }, { calls: [weatherIn('Oslo')] }], dialect),
      says({ text: 'Later.' }, dialect),
    ],
  });
  const answer = await ask(gateway, mode, { n: 2 });
  assert.deepEqual(
    answer.choices.map((choice) => choice.message.content),
    ['At once.', 'Later.'],
  );
});

scenario(
  '13: description_for_model is one block at the end of the first system message, in every step (Q9)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [says({ calls: [weatherIn('Oslo')] }, dialect), says({ text: 'Done.' }, dialect)],
    });
    await ask(gateway, mode, { messages: [{ role: 'system', content: 'Be brief.' }, ...question] });
    const systems = gateway.upstream.chats.map((chat) => (chat.json['messages'] as JsonObject[])[0]);
    assert.equal(systems[0]?.['role'], 'system');
    const text = String(systems[0]['content']);
    assert.ok(text.startsWith('Be brief.'));
    assert.equal(text.split('Use weather in tests.').length, 2, 'once');
    assert.deepEqual(systems[1], systems[0]);
  },
);
