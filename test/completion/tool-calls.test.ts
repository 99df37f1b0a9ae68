// The assembler, against what upstreams really send.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ToolCallAssembler, type Owner } from '../../src/completion/tool-calls.ts';
import type { ToolCallDelta } from '../../src/openai/chat.ts';

function assemble(chunks: ToolCallDelta[][], owners: Record<string, Owner> = {}, clientHasTools = false) {
  let ids = 0;
  const assembler = new ToolCallAssembler({
    ownerOf: (name) => owners[name] ?? 'unknown',
    clientHasTools,
    newId: () => `fresh${(ids += 1)}`,
    usedIds: new Set(),
  });
  const live = chunks.map((chunk) => assembler.add(chunk));
  const { visible, calls } = assembler.end();
  const brief = calls.map(({ call, owner }) => [
    call.id,
    call.function?.name,
    call.function?.arguments,
    owner,
  ]);
  return { live, visible, calls, brief, shown: [...live.flat(), ...visible] };
}

const f = (name?: string, args?: unknown) =>
  ({
    function: { ...(name !== undefined && { name }), ...(args !== undefined && { arguments: args }) },
  }) as ToolCallDelta;

test('A1: fragments by index, id and name only in the first', () => {
  const { brief } = assemble([
    [{ index: 0, id: 'a', type: 'function', ...f('one', '') }],
    [{ index: 0, ...f(undefined, '{"x"') }],
    [{ index: 1, id: 'b', type: 'function', ...f('two', '') }],
    [
      { index: 0, ...f(undefined, ':1}') },
      { index: 1, ...f(undefined, '{}') },
    ],
  ]);
  assert.deepEqual(brief, [
    ['a', 'one', '{"x":1}', 'unknown'],
    ['b', 'two', '{}', 'unknown'],
  ]);
});

test('A1: whole calls in one chunk without index (Mistral, Gemini, Ollama)', () => {
  const { brief } = assemble([
    [
      { id: 'a', ...f('one', '{"x":1}') },
      { id: 'b', ...f('one', '{"x":2}') },
    ],
  ]);
  assert.deepEqual(
    brief.map((call) => call.slice(0, 3)),
    [
      ['a', 'one', '{"x":1}'],
      ['b', 'one', '{"x":2}'],
    ],
  );
});

test('A2: parallel calls without id and index in one array or one after another', () => {
  assert.deepEqual(
    assemble([[f('one', '{}'), f('two', '{}')]]).brief.map(([, name]) => name),
    ['one', 'two'],
  );
  assert.deepEqual(
    assemble([[{ id: '', ...f('one', '{}') }], [{ id: '', ...f('two', '{}') }]]).brief.map(
      ([, name]) => name,
    ),
    ['one', 'two'],
  );
});

test('A2: every call on index 0, told apart by a new id (vLLM, SGLang)', () => {
  const { brief } = assemble([
    [{ index: 0, id: 'a', ...f('one', '') }],
    [{ index: 0, id: '', ...f('', '{}') }],
    [{ index: 0, id: 'b', ...f('two', '') }],
    [{ index: 0, ...f(undefined, '{"y":1}') }],
  ]);
  assert.deepEqual(
    brief.map((call) => call.slice(0, 3)),
    [
      ['a', 'one', '{}'],
      ['b', 'two', '{"y":1}'],
    ],
  );
});

test('A1: id in every chunk, and index differing between id and argument fragments', () => {
  const { brief } = assemble([
    [{ index: 0, id: 'a', ...f('one', '') }],
    [{ index: 1, id: 'a', ...f('', '{"x":') }],
    [{ index: 1, id: 'a', ...f(undefined, '1}') }],
  ]);
  assert.deepEqual(brief, [['a', 'one', '{"x":1}', 'unknown']]);
});

test('A3: missing and repeated ids get fresh ones, types default to function', () => {
  const { brief, calls } = assemble([
    [
      { id: 'x', index: 0, ...f('one', '{"a":1}') },
      { id: 'x', index: 1, ...f('one', '{"a":2}') },
    ],
    [{ index: 2, ...f('one', '{}') }],
  ]);
  assert.deepEqual(
    brief.map(([id]) => id),
    ['x', 'fresh1', 'fresh2'],
  );
  assert.ok(calls.every(({ call }) => call.type === 'function'));
});

test('A4: a name in two fragments is joined, a repeated name is one', () => {
  assert.equal(
    assemble([[{ index: 0, id: 'a', ...f('get_', '') }], [{ index: 0, ...f('time', '') }]]).brief[0]?.[1],
    'get_time',
  );
  assert.equal(
    assemble([[{ index: 0, id: 'a', ...f('one', '') }], [{ index: 0, ...f('one', '{}') }]]).brief[0]?.[1],
    'one',
  );
  const known = assemble([[{ index: 0, id: 'a', ...f('one', '') }], [{ index: 0, ...f('x', '') }]], {
    one: 'gateway',
  });
  assert.equal(known.brief[0]?.[1], 'one');
});

test('A5: an object as arguments is written once; absent ones are {}', () => {
  assert.equal(assemble([[{ index: 0, id: 'a', ...f('one', { x: [1] }) }]]).brief[0]?.[2], '{"x":[1]}');
  assert.equal(assemble([[{ index: 0, id: 'a', ...f('one') }]]).brief[0]?.[2], '{}');
});

test('M3: own calls are held, client calls go out live with dense indexes, each id and name once', () => {
  const { live } = assemble(
    [
      [{ index: 0, id: 'a', ...f('own', '') }],
      [{ index: 1, id: 'b', ...f('theirs', '') }],
      [{ index: 0, ...f(undefined, '{}') }],
      [{ index: 1, ...f(undefined, '{"q"') }],
      [{ index: 1, ...f(undefined, ':1}') }],
    ],
    { own: 'gateway', theirs: 'client' },
  );
  assert.deepEqual(live, [
    [],
    [{ index: 0, id: 'b', type: 'function', function: { name: 'theirs', arguments: '' } }],
    [],
    [{ index: 0, function: { arguments: '{"q"' } }],
    [{ index: 0, function: { arguments: ':1}' } }],
  ]);
});

test('M8: an unknown name goes to a client that has tools', () => {
  assert.equal(assemble([[{ index: 0, id: 'a', ...f('what', '{}') }]], {}, true).brief[0]?.[3], 'client');
});

test('M17: unknown members of a call survive, for the upstream and for the client', () => {
  const extra = { extra_content: { google: { thought_signature: 's' } } };
  const { calls, shown } = assemble([[{ index: 0, id: 'a', ...extra, ...f('theirs', '{}') }]], {
    theirs: 'client',
  });
  assert.deepEqual(calls[0]?.call['extra_content'], extra.extra_content);
  assert.deepEqual(shown[0]?.['extra_content'], extra.extra_content);
});

test("M20: custom tools are the client's and pass", () => {
  const { shown, calls } = assemble([
    [{ index: 0, id: 'a', type: 'custom', custom: { name: 'shell', input: 'ls' } }],
    [{ index: 0, custom: { input: ' -l' } }],
  ]);
  assert.deepEqual(shown, [
    { index: 0, id: 'a', type: 'custom', custom: { name: 'shell', input: 'ls' } },
    { index: 0, custom: { input: ' -l' } },
  ]);
  assert.deepEqual(calls[0]?.call['custom'], { name: 'shell', input: 'ls -l' });
});

test('any cutting of well-formed calls gives the same calls, and the client sees its own whole', () => {
  const calls = fc.array(
    fc.record({ name: fc.constantFrom('own', 'theirs'), args: fc.json() }, { noNullPrototype: true }),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  fc.assert(
    fc.property(calls, fc.array(fc.nat(8)), (wanted, sizes) => {
      const chunks = wanted.flatMap(({ name, args }, index) => {
        const start: ToolCallDelta[] = [{ index, id: `id${index}`, type: 'function', ...f(name, '') }];
        const parts: ToolCallDelta[][] = [start];
        for (let at = 0, turn = 0; at < args.length; turn += 1) {
          const size = 1 + (sizes[turn % (sizes.length || 1)] ?? 3);
          parts.push([{ index, ...f(undefined, args.slice(at, at + size)) }]);
          at += size;
        }
        return parts;
      });
      const { brief, shown } = assemble(chunks, { own: 'gateway', theirs: 'client' });
      assert.deepEqual(
        brief.map(([, name, args]) => ({ name, args })),
        wanted,
      );
      const texts: string[] = [];
      for (const { index = 0, function: fn } of shown)
        texts[index] = (texts[index] ?? '') + String(fn?.arguments ?? '');
      assert.deepEqual(
        texts,
        wanted.filter(({ name }) => name === 'theirs').map(({ args }) => args),
      );
    }),
  );
});
