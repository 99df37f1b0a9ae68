// Each upstream gets the functions in its own profile, another one that takes over too; strict and the way back (S8, S9).
import assert from 'node:assert/strict';
import test from 'node:test';
import type { UpstreamConfig } from '../../src/config/schema.ts';
import type { JsonObject } from '../../src/openai/chat.ts';
import { ask, modes, textOf } from './ask.ts';
import { says } from './dialects.ts';
import { startGateway, toolResults } from './gateway.ts';
import {
  answerError,
  startLoopbackUpstream,
  type Script,
  type UpstreamRequest,
} from './loopback-upstream.ts';
import type { Scope } from './loopback-server.ts';
import type { TestPlugin } from './plugin-folder.ts';

const tools = (request: UpstreamRequest | undefined) =>
  (request?.json['tools'] ?? []) as {
    function: { name: string; parameters: JsonObject; strict?: boolean };
  }[];

/** The definition of a function as an upstream got it. */
function definition(request: UpstreamRequest | undefined, name = 'notes__addNote') {
  const found = tools(request).find((tool) => tool.function.name === name);
  assert.ok(found, `${name} is offered`);
  return found.function;
}

function notesPlugin(origin: string): TestPlugin {
  const schema = {
    type: 'object',
    required: ['text'],
    properties: {
      text: { type: 'string', description: 'What to note.' },
      due: { type: ['string', 'null'], format: 'date' },
      stars: { type: 'integer', exclusiveMinimum: 0, maximum: 5, default: 3 },
      place: { type: 'object', properties: { city: { type: 'string' }, floor: { type: 'integer' } } },
    },
  };
  const requestBody = { required: true, content: { 'application/json': { schema } } };
  const labels = { type: 'object', additionalProperties: { type: 'string' } };
  return {
    name: 'notes',
    origin,
    paths: {
      '/notes': { post: { operationId: 'addNote', summary: 'Adds a note.', requestBody, responses: {} } },
      '/labels': {
        put: {
          operationId: 'label',
          summary: 'Labels it.',
          requestBody: { required: true, content: { 'application/json': { schema: labels } } },
          responses: {},
        },
      },
      '/count': { get: { operationId: 'count', summary: 'Counts.', responses: {} } },
    },
  };
}

const start = (t: Scope, script: Script, more: Partial<UpstreamConfig>) =>
  startGateway(t, {
    script,
    plugins: (origin) => [notesPlugin(origin)],
    upstreams: (scripted) => [{ ...scripted, ...more }],
  });

const shapes: [Partial<UpstreamConfig>, JsonObject][] = [
  [{}, { type: 'integer', exclusiveMinimum: 0, maximum: 5, default: 3 }],
  [{ kind: 'gemini' }, { type: 'integer', description: 'default: 3; more than 0', maximum: 5 }],
  [{ kind: 'ollama' }, { type: 'integer', description: 'at most 5; default: 3; more than 0' }],
  [{ kind: 'groq' }, { type: 'integer', default: 3, maximum: 5, exclusiveMinimum: 0 }],
  [
    { kind: 'groq', profile: 'ollama' },
    { type: 'integer', description: 'at most 5; default: 3; more than 0' },
  ],
  [
    { profile: 'openai', strict: true },
    { type: ['integer', 'null'], description: 'at most 5; default: 3; more than 0' },
  ],
];

for (const [upstream, stars] of shapes) {
  test(`S9: functions for an upstream of ${JSON.stringify(upstream)}`, async (t) => {
    const gateway = await start(t, [says({ text: 'Hello.' })], upstream);
    await ask(gateway, 'json');
    const { parameters } = definition(gateway.upstream.chats[0]);
    assert.deepEqual((parameters['properties'] as JsonObject)['stars'], stars);
  });
}

test('S9: a function without arguments, for Gemini and for all others', async (t) => {
  for (const [kind, parameters] of [
    ['gemini', { type: 'object' }],
    ['other', { type: 'object', properties: {} }],
  ] as const) {
    const gateway = await start(t, [says({ text: 'Hello.' })], { kind });
    await ask(gateway, 'json');
    assert.deepEqual(definition(gateway.upstream.chats[0], 'notes__count').parameters, parameters);
  }
});

for (const mode of modes) {
  test(`M16 ${mode}: the bytes of tools are the same in all steps and requests`, async (t) => {
    const call = { id: 'call_1', name: 'notes__addNote', arguments: '{"text":"x"}' };
    const script = [says({ calls: [call] }), says({ text: 'Done.' }), says({ text: 'Again.' })];
    const gateway = await start(t, script, { kind: 'gemini' });
    await ask(gateway, mode);
    await ask(gateway, mode);
    const sent = gateway.upstream.chats.map(({ json }) => JSON.stringify(json['tools']));
    assert.equal(sent.length, 3);
    assert.equal(new Set(sent).size, 1);
  });

  test(`fallback ${mode}: the upstream that takes over gets its own form, in all steps`, async (t) => {
    const call = { id: 'call_1', name: 'notes__addNote', arguments: '{"text":"x","due":null,"stars":null}' };
    const other = await startLoopbackUpstream(t, [says({ calls: [call] }), says({ text: 'Noted.' })]);
    const gateway = await startGateway(t, {
      script: () => answerError(503, 'overloaded'),
      plugins: (origin) => [notesPlugin(origin)],
      upstreams: (scripted) => [
        { ...scripted, kind: 'gemini' },
        { name: 'second', url: other.url, key: 'sk-other', models: ['*'], profile: 'openai', strict: true },
      ],
    });
    const mine = { type: 'function' as const, function: { name: 'mine', parameters: { type: 'object' } } };
    assert.equal(textOf(await ask(gateway, mode, { tools: [mine] })), 'Noted.');
    assert.equal(definition(gateway.upstream.chats[0]).strict, undefined);
    assert.equal(other.chats.length, 2);
    for (const chat of other.chats) {
      assert.equal(definition(chat).strict, true);
      assert.deepEqual(definition(chat, 'mine'), mine.function);
    }
    // The nulls are those of the strict form, which the first upstream never had.
    assert.equal(gateway.api.requests[0]?.body.toString(), '{"text":"x"}');
  });

  test(`S8 ${mode}: nulls of a strict function are left out of the request`, async (t) => {
    const said = { text: 'Milk', due: null, stars: null, place: { city: 'Oslo', floor: null } };
    const call = { id: 'call_1', name: 'notes__addNote', arguments: JSON.stringify(said) };
    const gateway = await start(t, [says({ calls: [call] }), says({ text: 'Noted.' })], { strict: true });
    assert.equal(textOf(await ask(gateway, mode)), 'Noted.');
    assert.equal(definition(gateway.upstream.chats[0]).strict, true);
    assert.deepEqual(JSON.parse(gateway.api.requests[0]?.body.toString() ?? ''), {
      text: 'Milk',
      place: { city: 'Oslo' },
    });
    assert.deepEqual(toolResults(gateway.upstream.chats[1]?.json ?? {}), [{ ok: true }]);
    // M17: the model's own words go back verbatim, in which the nulls are.
    const messages = gateway.upstream.chats[1]?.json['messages'] as JsonObject[];
    assert.ok(JSON.stringify(messages).includes(JSON.stringify(JSON.stringify(said)).slice(1, -1)));
  });
}

test('S8: without strict a null that the API takes is sent', async (t) => {
  const call = { id: 'call_1', name: 'notes__addNote', arguments: '{"text":"x","due":null}' };
  const gateway = await start(t, [says({ calls: [call] }), says({ text: 'Noted.' })], {});
  await ask(gateway, 'json');
  assert.equal(gateway.api.requests[0]?.body.toString(), '{"text":"x","due":null}');
});

test('S8: beside strict functions one that cannot be strict is sent as usual, and the log says so once', async (t) => {
  const call = { id: 'call_1', name: 'notes__label', arguments: '{"body":{"a":null,"b":"c"}}' };
  const script = [says({ calls: [call] }), says({ text: 'Hm.' }), says({ text: 'Again.' })];
  const gateway = await start(t, script, { strict: true });
  await ask(gateway, 'json');
  await ask(gateway, 'json');
  assert.equal(definition(gateway.upstream.chats[0], 'notes__label').strict, undefined);
  assert.equal(definition(gateway.upstream.chats[0], 'notes__count').strict, true);
  // Not strict: a null here is a wrong value, of which the model is told.
  assert.equal(gateway.api.requests.length, 0);
  assert.match(JSON.stringify(toolResults(gateway.upstream.chats[1]?.json ?? {})), /invalid_arguments/);
  const told = 'The function notes__label is not sent as strict: it has an object with free names.';
  assert.equal((await gateway.logged(told)).length, 1);
});
