// Scenarios 29 to 38: what only streams show, through every way in which the official client reads them.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { z } from 'zod';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, jsonScenario, onlyIn, question, scenario, streamScenario, textOf, times } from './ask.ts';
import { assertCleanStream, assertFailedStream, eventsOf } from './clean-answer.ts';
import { reasoningMember, says, usualUsage, type Call, type Dialect } from './dialects.ts';
import { startGateway, toolResults } from './gateway.ts';
import { answerJson } from './loopback-plugin.ts';
import { answerBytes, answerError, answerSlowly, reset, type Answer } from './loopback-upstream.ts';

const oslo: Call = { id: 'call_1', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const alert: Call = { id: 'call_2', name: 'weather__addAlert', arguments: '{"city":"Oslo"}' };

/** A call, then the answer. */
function twoSteps(dialect: Dialect): Answer[] {
  return [says({ calls: [oslo] }, dialect), says({ text: 'It is 4 degrees.' }, dialect)];
}

streamScenario(
  '28: parallel calls, then one, then the text: create() reads one answer',
  async (t, dialect) => {
    const gateway = await startGateway(t, {
      script: [
        says({ calls: [oslo, { ...oslo, id: 'call_3', arguments: '{"city":"Rome"}' }] }, dialect),
        says({ calls: [alert] }, dialect),
        says({ text: 'It is 4 degrees.' }, dialect, 28),
      ],
    });
    const answer = await ask(gateway, 'stream');
    assert.equal(textOf(answer), 'It is 4 degrees.');
    assert.equal(answer.choices[0]?.finish_reason, 'stop');
    assert.deepEqual(answer.usage, times(usualUsage, 3));
    assert.equal(gateway.api.requests.length, 3);
  },
);

streamScenario('29: .stream() gives the final message', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: twoSteps(dialect),
  });
  const stream = gateway.client.chat.completions.stream({ model: 'm', messages: question });
  const message = await stream.finalMessage();
  assert.equal(message.content, 'It is 4 degrees.');
  assert.equal(message.tool_calls, undefined);
  assert.equal((await stream.finalChatCompletion()).choices[0]?.finish_reason, 'stop');
});

streamScenario('30: a relay through .toReadableStream() reads on', async (t, dialect) => {
  const gateway = await startGateway(t, { script: twoSteps(dialect) });
  const stream = await gateway.client.chat.completions.create({
    model: 'm',
    messages: question,
    stream: true,
  });
  const relay = ChatCompletionStream.fromReadableStream(stream.toReadableStream());
  assert.equal(await relay.finalContent(), 'It is 4 degrees.');
});

streamScenario('31: .runTools() with a client tool and plugins in turn', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ calls: [oslo] }, dialect),
      says({ calls: [{ id: 'call_c', name: 'look_up', arguments: '{"word":"fjord"}' }] }, dialect),
      says({ calls: [alert] }, dialect),
      says({ text: 'A long bay at 4 degrees.' }, dialect),
    ],
  });
  const asked: unknown[] = [];
  const runner = gateway.client.chat.completions.runTools({
    model: 'm',
    messages: question,
    stream: true,
    tools: [
      {
        type: 'function',
        function: {
          name: 'look_up',
          parameters: { type: 'object', properties: { word: { type: 'string' } } },
          description: 'Looks a word up.',
          parse: (text: string) => JSON.parse(text) as object,
          function: (word: object) => {
            asked.push(word);
            return 'a long bay';
          },
        },
      },
    ],
  });
  assert.equal(await runner.finalContent(), 'A long bay at 4 degrees.');
  assert.deepEqual(asked, [{ word: 'fjord' }]);
  assert.equal(gateway.api.requests.length, 2);
});

for (const asked of [true, false]) {
  streamScenario(`32: usage ${asked ? 'asked for' : 'not asked for'} (E6)`, async (t, dialect) => {
    const gateway = await startGateway(t, {
      script: twoSteps(dialect),
    });
    const response = await gateway.post({
      model: 'm',
      messages: question,
      stream: true,
      ...(asked ? { stream_options: { include_usage: true } } : {}),
    });
    const raw = await response.text();
    assertCleanStream(raw, { usage: asked });
    if (asked) assert.deepEqual(eventsOf(raw).at(-1)?.usage, times(usualUsage, 2));
    for (const chat of gateway.upstream.chats) {
      assert.deepEqual(chat.json['stream_options'], { include_usage: true }, 'always asked for upstream');
    }
  });
}

test('the headers of a stream (E13)', async (t) => {
  const gateway = await startGateway(t, { script: twoSteps('openai') });
  const response = await gateway.post({ model: 'm', messages: question, stream: true });
  await response.text();
  assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
  assert.equal(response.headers.get('cache-control'), 'no-cache');
  assert.equal(response.headers.get('x-accel-buffering'), 'no');
  assert.equal(response.headers.get('content-encoding'), null);
  assert.equal(response.headers.get('set-cookie'), null);
  assert.ok(response.headers.get('x-request-id'));
});

scenario(`33: interim text is shown, joined by a blank line (M4)`, async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ text: 'Let me look.', calls: [oslo] }, dialect),
      says({ text: 'It is 4 degrees.' }, dialect),
    ],
  });
  assert.equal(textOf(await ask(gateway, mode)), 'Let me look.\n\nIt is 4 degrees.');
  const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  assert.equal(sent.find((message) => message['role'] === 'assistant')?.['content'], 'Let me look.');
});

streamScenario('33: interim text arrives before the plugin has answered (M4)', async (t, dialect) => {
  const seen = Promise.withResolvers<void>();
  const gateway = await startGateway(t, {
    script: [says({ text: 'Let me look.', calls: [oslo] }, dialect), says({ text: 'Done.' }, dialect)],
    api: async (_request, response) => {
      await seen.promise;
      response.end('{}');
    },
  });
  const stream = await gateway.client.chat.completions.create({
    model: 'm',
    messages: question,
    stream: true,
  });
  let text = '';
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (text === 'Let me look.') seen.resolve();
  }
  assert.equal(text, 'Let me look.\n\nDone.');
});

test("scenario 33 stream: text does not wait for a function's name that is still coming in (M3)", async (t) => {
  const seen = Promise.withResolvers<void>();
  const event = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const gateway = await startGateway(t, {
    script: [
      answerSlowly([
        event({ role: 'assistant', content: '' }),
        event({
          tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather__' } }],
        }),
        event({ content: 'Let me look.' }),
        seen.promise,
        event({ tool_calls: [{ index: 0, function: { name: 'now', arguments: '{}' } }] }),
        event({}, 'tool_calls'),
      ]),
      says({ text: 'It is late.' }),
    ],
  });
  const stream = await gateway.client.chat.completions.create({
    model: 'm',
    messages: question,
    stream: true,
  });
  let text = '';
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    if (text === 'Let me look.') seen.resolve();
  }
  assert.equal(text, 'Let me look.\n\nIt is late.');
  assert.equal(gateway.api.requests.length, 1);
});

streamScenario('34: the headers do not wait for a slow plugin (K1)', async (t, dialect) => {
  const started = Promise.withResolvers<void>();
  const gateway = await startGateway(t, {
    script: twoSteps(dialect),
    api: async (_request, response) => {
      await started.promise;
      response.end('{}');
    },
  });
  const stream = await gateway.client.chat.completions.create({
    model: 'm',
    messages: question,
    stream: true,
  });
  started.resolve();
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  assert.equal(text, 'It is 4 degrees.');
});

streamScenario(
  '35: an upstream error in step 2 ends the stream with an error event (E11)',
  async (t, dialect) => {
    const gateway = await startGateway(t, {
      script: (_request, number) =>
        number === 0 ? says({ text: 'Hm.', calls: [oslo] }, dialect) : answerError(400, 'bad_step'),
    });
    const stream = await gateway.client.chat.completions.create({
      model: 'm',
      messages: question,
      stream: true,
    });
    await assert.rejects(
      async () => {
        for await (const _ of stream);
      },
      (error) => error instanceof OpenAI.APIError,
    );
    const error = assertFailedStream(await (gateway.wire[0]?.ended ?? ''));
    assert.equal(error['code'], 'bad_step');
  },
);

jsonScenario('35: an upstream error in step 2 keeps its status (F5)', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), answerError(400, 'bad_step')],
  });
  await assert.rejects(ask(gateway, 'json'), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'bad_step');
    return true;
  });
});

for (const [call, expected] of [
  [alert, 'false'],
  [oslo, null],
] as const) {
  jsonScenario(
    `35: after ${call.name}, x-should-retry is ${expected} on the error (T1)`,
    async (t, dialect) => {
      const gateway = await startGateway(t, {
        script: (_request, number) =>
          number === 0 ? says({ calls: [call] }, dialect) : answerError(503, 'down'),
      });
      const response = await gateway.post({ model: 'm', messages: question });
      await response.text();
      assert.equal(response.status, 503);
      assert.equal(response.headers.get('x-should-retry'), expected);
      assert.equal(gateway.api.requests.length, 1);
    },
  );
}

streamScenario('35: an upstream that is cut in mid-text is never a clean end (E11)', async (t) => {
  const half =
    'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Once"},"finish_reason":null}]}\n\n';
  for (const cut of [true, false]) {
    const gateway = await startGateway(t, { script: () => answerBytes(half, { cut }) });
    const response = await gateway.post({ model: 'm', messages: question, stream: true });
    const error = assertFailedStream(await response.text());
    assert.equal(error['code'], 'upstream_truncated');
  }
});

scenario('35: an upstream that closes without an answer is a 502 (F2)', async (t, mode) => {
  const gateway = await startGateway(t, { script: () => reset });
  await assert.rejects(ask(gateway, mode), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.status, 502);
    return true;
  });
});

scenario("35: the upstream refuses the gateway's key: 502, its words replaced (F4)", async (t, mode) => {
  const gateway = await startGateway(t, { script: () => answerError(401, 'invalid_api_key') });
  await assert.rejects(ask(gateway, mode), (error) => {
    assert.ok(error instanceof OpenAI.InternalServerError);
    assert.equal(error.code, 'upstream_auth');
    assert.doesNotMatch(error.message, /upstream says/);
    return true;
  });
});

const Weather = z.object({ degrees: z.number() });

jsonScenario('36: .parse() with a zod schema', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), says({ text: '{"degrees":4}' }, dialect)],
  });
  const answer = await gateway.client.chat.completions.parse({
    model: 'm',
    messages: question,
    response_format: zodResponseFormat(Weather, 'weather'),
  });
  assert.deepEqual(answer.choices[0]?.message.parsed, { degrees: 4 });
});

streamScenario('36: .stream() with a zod schema', async (t, dialect) => {
  const gateway = await startGateway(t, {
    script: [says({ calls: [oslo] }, dialect), says({ text: '{"degrees":4}' }, dialect)],
  });
  const stream = gateway.client.chat.completions.stream({
    model: 'm',
    messages: question,
    response_format: zodResponseFormat(Weather, 'weather'),
  });
  assert.deepEqual((await stream.finalChatCompletion()).choices[0]?.message.parsed, { degrees: 4 });
});

scenario(
  '37: logprobs of the shown text arrive, no separator is put in (M4, M25)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      script: [
        says({ text: 'Hm.', calls: [oslo], logprobs: true }, dialect),
        says({ text: 'It is 4 degrees.', logprobs: true }, dialect),
      ],
    });
    const answer = await ask(gateway, mode, { logprobs: true });
    assert.equal(textOf(answer), 'Hm.It is 4 degrees.');
    const logprobs = answer.choices[0]?.logprobs as { content: { token: string }[] };
    assert.equal(logprobs.content.map(({ token }) => token).join(''), 'Hm.It is 4 degrees.');
  },
);

scenario('38: reasoning is shown, and goes back to the upstream verbatim (M17)', async (t, mode, dialect) => {
  const gateway = await startGateway(t, {
    script: [
      says({ reasoning: 'I have to ask.', calls: [oslo] }, dialect),
      says({ reasoning: ' Now I know.', text: 'It is 4 degrees.' }, dialect),
    ],
  });
  const answer = await ask(gateway, mode);
  assert.equal(textOf(answer), 'It is 4 degrees.');
  const member = reasoningMember(dialect);
  assert.match(String(answer.choices[0]?.message[member]), /^I have to ask\..*Now I know\.$/s);
  const sent = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
  const step = sent.find((message) => message['role'] === 'assistant');
  assert.equal(step?.[member], 'I have to ask.');
});

scenario(
  '38: a refusal ends the run and passes (M25)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, { script: [says({ refusal: 'I will not.' }, dialect)] });
    const answer = await ask(gateway, mode);
    assert.equal(answer.choices[0]?.message['refusal'], 'I will not.');
    assert.equal(textOf(answer), null);
  },
  {
    except: onlyIn(
      ['openai', 'azure', 'openrouter'],
      'it refuses in plain text: its messages have no refusal',
    ),
  },
);

scenario(
  '38: x-plugin-trace shows the calls at the top level, only when asked (E8)',
  async (t, mode, dialect) => {
    const gateway = await startGateway(t, {
      unchecked: true,
      script: [...twoSteps(dialect), ...twoSteps(dialect)],
      api: answerJson({ degrees: 4 }),
    });
    const traced = await ask(gateway, mode, {}, { headers: { 'x-plugin-trace': 'full' } });
    const [call] = traced['plugin_calls'] as JsonObject[];
    assert.equal(call?.['plugin'], 'weather');
    assert.equal(call['operation'], 'getWeather');
    assert.deepEqual(call['arguments'], { city: 'Oslo' });
    assert.equal(call['status'], 200);
    assert.equal(typeof call['milliseconds'], 'number');
    assert.equal(call['result'], '{"degrees":4}');
    const plain = await ask(gateway, mode);
    assert.ok(!('plugin_calls' in plain));
    assert.equal(toolResults(gateway.upstream.chats[1]?.json ?? {}).length, 1);
  },
);
