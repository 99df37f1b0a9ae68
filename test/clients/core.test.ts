// What every client library must be able to do through the gateway, as with any API of OpenAI's kind.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Message } from '../../src/openai/chat.ts';
import { modes, type Mode } from '../gateway/ask.ts';
import { dialects, says, usualUsage, type Call, type Dialect, type Said } from '../gateway/dialects.ts';
import { startGateway, toolResults, type GatewayOptions, type TestGateway } from '../gateway/gateway.ts';
import { answerJson } from '../gateway/loopback-plugin.ts';
import { answerError, hang, type Script } from '../gateway/loopback-upstream.ts';
import { libraries } from './libraries.ts';
import { addressOf, type ClientLibrary } from './library.ts';

const oslo: Call = { id: 'call_oslo', name: 'weather__getWeather', arguments: '{"city":"Oslo"}' };
const rome: Call = { id: 'call_rome', name: 'weather__getWeather', arguments: '{"city":"Rome"}' };
const alert: Call = { id: 'call_alert', name: 'weather__addAlert', arguments: '{"city":"Oslo","level":2}' };
const fjord: Call = { id: 'call_fjord', name: 'look_up', arguments: '{"word":"fjord"}' };

/** Says one thing after the other; the model's name is the dialect. */
function play(said: readonly Said[]): Script {
  const asked = new Map<string, number>();
  return ({ json }) => {
    const model = String(json['model']);
    const number = asked.get(model) ?? 0;
    asked.set(model, number + 1);
    const dialect = dialects.find((name) => name === model) ?? 'openai';
    return says(said[number] ?? { text: 'off script' }, dialect, number);
  };
}

interface Scene {
  readonly gateway: TestGateway;
  readonly library: ClientLibrary;
  readonly mode: Mode;
  readonly dialect: Dialect;
}

/** One conversation per dialect, all in one gateway. */
function inEveryDialect(
  name: string,
  said: readonly Said[],
  run: (scene: Scene) => Promise<void>,
  options: GatewayOptions = {},
): void {
  for (const library of libraries) {
    for (const mode of modes) {
      test(`${library.name}, ${mode}: ${name}, every dialect`, async (t) => {
        const gateway = await startGateway(t, {
          api: answerJson({ degrees: 4 }),
          ...options,
          script: play(said),
        });
        for (const dialect of dialects) {
          try {
            await run({ gateway, library, mode, dialect });
          } catch (error) {
            throw new Error(`with the ${dialect}-like upstream`, { cause: error });
          }
        }
      });
    }
  }
}

function withEach(
  name: string,
  run: (t: TestContext, library: ClientLibrary, mode: Mode) => Promise<void>,
): void {
  for (const library of libraries) {
    for (const mode of modes) test(`${library.name}, ${mode}: ${name}`, (t) => run(t, library, mode));
  }
}

function tokens(steps: number) {
  return { input: usualUsage.prompt_tokens * steps, output: usualUsage.completion_tokens * steps };
}

withEach('a chat without plugins', async (t, library, mode) => {
  const gateway = await startGateway(t, { plugins: () => [], script: [says({ text: 'Hello, Oslo' })] });
  const outcome = await library.ask(addressOf(gateway), mode);
  assert.equal(outcome.text, 'Hello, Oslo');
  assert.deepEqual(outcome.tokens, tokens(1));
});

inEveryDialect(
  'an answer without a call',
  [{ text: 'Grüße 🚀' }],
  async ({ gateway, library, mode, dialect }) => {
    const outcome = await library.ask(addressOf(gateway), mode, { model: dialect });
    assert.equal(outcome.text, 'Grüße 🚀');
    assert.deepEqual(outcome.tokens, tokens(1));
  },
);

const oneCall = [{ calls: [oslo] }, { text: 'It is 4 °C.' }];
inEveryDialect('one plugin call', oneCall, async ({ gateway, library, mode, dialect }) => {
  const outcome = await library.ask(addressOf(gateway), mode, { model: dialect });
  assert.equal(outcome.text, 'It is 4 °C.');
  assert.deepEqual(outcome.called, [], 'the application sees no call');
  assert.deepEqual(outcome.tokens, tokens(2));
});

const parallel = [{ text: 'Both.', calls: [oslo, rome] }, { text: 'Cold and warm.' }];
inEveryDialect('parallel calls with a text before', parallel, async ({ gateway, library, mode, dialect }) => {
  const outcome = await library.ask(addressOf(gateway), mode, { model: dialect });
  assert.equal(outcome.text, 'Both.\n\nCold and warm.');
  assert.deepEqual(outcome.tokens, tokens(2));
  assert.equal(toolResults(gateway.upstream.chats.at(-1)?.json ?? {}).length, 2);
});

const twoSteps = [{ calls: [oslo] }, { calls: [alert] }, { text: 'Done.' }];
inEveryDialect('two steps with calls', twoSteps, async ({ gateway, library, mode, dialect }) => {
  const before = gateway.api.requests.length;
  const outcome = await library.ask(addressOf(gateway), mode, { model: dialect });
  assert.equal(outcome.text, 'Done.');
  assert.deepEqual(outcome.tokens, tokens(3));
  assert.deepEqual(
    gateway.api.requests.slice(before).map(({ method, path }) => `${method} ${path}`),
    ['GET /weather/Oslo', 'POST /alerts'],
  );
});

for (const [order, calls] of [
  ['own first', [oslo, fjord]],
  ['client first', [fjord, oslo]],
] as const) {
  const said = [{ calls }, { text: 'A bay at 4 °C.' }];
  inEveryDialect(`a mixed step, ${order}, and its follow-up (P1, P5)`, said, async (scene) => {
    const { gateway, library, mode, dialect } = scene;
    const words: string[] = [];
    const lookUp = (word: string) => `${words.push(word)}: a long bay`;
    const outcome = await library.ask(addressOf(gateway), mode, { model: dialect, lookUp });
    assert.equal(outcome.text, 'A bay at 4 °C.');
    assert.deepEqual(words, ['fjord']);
    assert.deepEqual(outcome.called, ['look_up']);
    assert.deepEqual(outcome.tokens, tokens(2));
    const messages = gateway.upstream.chats.at(-1)?.json['messages'] as unknown as Message[];
    const step = messages.find((message) => message.tool_calls?.length);
    assert.deepEqual(
      step?.tool_calls?.map((call) => call.function.name),
      calls.map((call) => call.name),
      'P5: the model sees the whole step again',
    );
  });
}

withEach('own calls, then one of the application, then own again (31)', async (t, library, mode) => {
  const gateway = await startGateway(t, {
    script: play([{ calls: [oslo] }, { calls: [fjord] }, { calls: [alert] }, { text: 'A long bay.' }]),
  });
  const outcome = await library.ask(addressOf(gateway), mode, { lookUp: () => 'a long bay' });
  assert.equal(outcome.text, 'A long bay.');
  assert.equal(gateway.api.requests.length, 2);
  assert.deepEqual(outcome.tokens, tokens(4));
});

const asObject = [{ text: 'Looking.', calls: [oslo] }, { text: '{"degrees":4}' }];
inEveryDialect('an answer in a JSON schema after a call (M13)', asObject, async (scene) => {
  const { gateway, library, mode, dialect } = scene;
  const outcome = await library.ask(addressOf(gateway), mode, { model: dialect, object: true });
  assert.deepEqual(outcome.object, { degrees: 4 });
});

// LangChain reads `retry-after` alone, the others prefer `retry-after-ms`: upstreams send both, and both are copied.
withEach('a 429 is retried by the library when the upstream says so (T2, F6)', async (t, library, mode) => {
  const gateway = await startGateway(t, {
    script: [
      answerError(429, 'rate_limit_exceeded', { 'retry-after-ms': '5', 'retry-after': '0' }),
      says({ text: 'Hello' }),
    ],
  });
  const outcome = await library.ask(addressOf(gateway), mode, { retries: 2 });
  assert.equal(outcome.text, 'Hello');
  assert.equal(gateway.upstream.chats.length, 2);
});

withEach('an upstream that fails in step 2 fails the conversation (F5, E11)', async (t, library, mode) => {
  const gateway = await startGateway(t, {
    script: (_request, number) =>
      number === 0 ? says({ text: 'Hm.', calls: [oslo] }) : answerError(400, 'bad_step'),
  });
  await assert.rejects(library.ask(addressOf(gateway), mode), /bad_step/);
});

withEach('an abort reaches the upstream (K3)', async (t, library, mode) => {
  const leave = new AbortController();
  const gateway = await startGateway(t, { script: [hang] });
  const asked = library
    .ask(addressOf(gateway), mode, { signal: leave.signal })
    .catch((error: unknown) => error);
  const chat = await gateway.upstream.chat(0);
  leave.abort();
  assert.ok((await asked) instanceof Error);
  await chat.abandoned;
});

for (const library of libraries) {
  test(`${library.name}, stream: an abort in the middle of a text reaches the upstream (12, K3)`, async (t) => {
    const leave = new AbortController();
    const gateway = await startGateway(t, {
      script: [
        ({ json }, response) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' });
          const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: json['model'] };
          const choices = [{ index: 0, delta: { role: 'assistant', content: 'Once' }, finish_reason: null }];
          response.write(`data: ${JSON.stringify({ ...chunk, choices })}\n\n`);
        },
      ],
    });
    const asked = library
      .ask(addressOf(gateway), 'stream', { signal: leave.signal, onText: () => leave.abort() })
      .catch((error: unknown) => error);
    assert.ok((await asked) instanceof Error);
    await (
      await gateway.upstream.chat(0)
    ).abandoned;
  });
}
