// Mixed steps: what is hidden comes back in its place, and only into the conversation that it belongs to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyCallIds, makePart, reinsert } from '../../src/completion/park.ts';
import type { Json, JsonObject, Message, ToolCall } from '../../src/openai/chat.ts';
import { parseRequest, requestBytes } from '../../src/openai/request.ts';
import { call } from './scripted.ts';

const own = call('own1', 'todo__add', { title: 'x' }) as unknown as ToolCall;
const theirs = call('c1', 'weather', { city: 'Oslo' }) as unknown as ToolCall;
const other = call('c2', 'weather', { city: 'Rome' }) as unknown as ToolCall;
const hidden: Message[] = [
  { role: 'assistant', content: null, tool_calls: [call('h1', 'todo__list') as unknown as ToolCall] },
  { role: 'tool', tool_call_id: 'h1', content: '[]' },
];
const full: Message = { role: 'assistant', content: 'Both.', tool_calls: [own, theirs, other] };
const part = makePart(
  {
    hidden,
    message: full,
    calls: [
      { call: own, owner: 'gateway' },
      { call: theirs, owner: 'client' },
      { call: other, owner: 'client' },
    ],
    results: [{ role: 'tool', tool_call_id: 'own1', content: '{"ok":true}' }],
  },
  'hi',
);

const user: JsonObject = { role: 'user', content: 'hi' };
const answers: JsonObject[] = [
  { role: 'tool', tool_call_id: 'c2', content: 'sun' },
  { role: 'tool', tool_call_id: 'c1', content: 'rain' },
];

function follow(messages: Json[], kept = [part]): Json {
  const request = parseRequest(JSON.stringify({ model: 'm', messages }));
  const parts = new Map(
    historyCallIds(messages as Message[])
      .filter((id) => part.visible.includes(id))
      .map((id) => [id, kept]),
  );
  return (JSON.parse(String(requestBytes(reinsert(request, parts)))) as JsonObject)['messages'] as Json;
}

const seen = (calls: ToolCall[], content: Json = null): Json => ({
  role: 'assistant',
  content,
  tool_calls: calls as unknown as Json,
});

test('P5: the hidden messages, the full message, and the results in the order of the calls', () => {
  assert.deepEqual(follow([user, seen([theirs, other]), ...answers]), [
    user,
    ...hidden,
    full,
    { role: 'tool', tool_call_id: 'own1', content: '{"ok":true}' },
    answers[1],
    answers[0],
  ]);
});

test('P5: a call that the client left out is left out', () => {
  const messages = follow([user, seen([theirs]), answers[1] as Json]) as JsonObject[];
  assert.deepEqual(
    (messages[3] as unknown as Message).tool_calls?.map(({ id }) => id),
    ['own1', 'c1'],
  );
});

test('P4: arguments written differently are the same call', () => {
  const respaced = { ...theirs, function: { name: 'weather', arguments: '{ "city": "Oslo" }' } };
  assert.equal((follow([user, seen([respaced, other]), ...answers]) as Json[]).length, 7);
});

test('P4, P7: another conversation with the same ids stays as it was sent', () => {
  const elsewhere = [{ role: 'user', content: 'something else' }, seen([theirs, other]), ...answers];
  assert.deepEqual(follow(elsewhere), elsewhere);
  const changed = { ...theirs, function: { name: 'weather', arguments: '{"city":"Bern"}' } };
  const edited = [user, seen([changed, other]), ...answers];
  assert.deepEqual(follow(edited), edited);
});

test('P4: another conversation whose long ids differ in the last digit stays as it was sent', () => {
  const about = (id: string) =>
    call('c1', 'weather', `{"id":110000000000000000${id}}`) as unknown as ToolCall;
  const step = { hidden, message: { ...full, tool_calls: [about('1')] }, results: [] };
  const kept = makePart({ ...step, calls: [{ call: about('1'), owner: 'client' }] }, 'hi');
  const elsewhere = [user, seen([about('2')]), answers[1] as Json];
  assert.deepEqual(follow(elsewhere, [kept]), elsewhere);
});

test('P4: of parts that fit alike, the newest comes back', () => {
  const older = { ...part, hidden: [] };
  const messages = follow([user, seen([theirs, other]), ...answers], [older, part]) as Json[];
  assert.deepEqual(messages.slice(1, 3), hidden);
});

test('P6: a text that the client edited stays', () => {
  const messages = follow([user, seen([theirs, other], 'My own words'), ...answers]) as JsonObject[];
  assert.equal(messages[3]?.['content'], 'My own words');
});

const [asking, ...found] = hidden;
const shownBefore = { ...part, hidden: [{ ...asking, content: 'Let me look.' } as Message, ...found] };

/** The texts of the hidden message and of the full one, where the client sends such a text. */
function restoredTexts(sent: Json, kept = shownBefore): (Json | undefined)[] {
  const messages = follow([user, seen([theirs, other], sent), ...answers], [kept]) as JsonObject[];
  return messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
}

test('P6: the words of a client stay when they stand for the text of an earlier step alone', () => {
  const silent = { ...shownBefore, message: { ...full, content: null } };
  assert.deepEqual(restoredTexts('My own words', silent), [null, 'My own words']);
});

test('P6: an edit stays that leaves the end of the text as it was', () => {
  for (const edit of ['Let me think.\n\nBoth.', 'Not Both.', 'Let me look. Not Both.'])
    assert.deepEqual(restoredTexts(edit), [null, edit]);
  assert.equal(restoredTexts('Not Both.', part)[1], 'Not Both.');
});

test('P6: what a client was shown is no edit, in whatever form it comes back', () => {
  const parts = ['Let me look.', '\n\nBoth.'].map((text) => ({ type: 'text', text }));
  const forms: Json[] = [
    'Let me look.\n\nBoth.',
    ' Let me look.\nBoth.\n',
    'Let me look.Both.',
    parts,
    '',
    null,
  ];
  for (const form of forms) assert.deepEqual(restoredTexts(form), ['Let me look.', 'Both.']);
});

test('P6: the text of the last step alone is no edit: with a JSON format the client gets no other', () => {
  assert.deepEqual(restoredTexts('Both.'), ['Let me look.', 'Both.']);
});

test('the part comes back in every later request, with the turns behind it untouched', () => {
  const later: Json[] = [
    { role: 'assistant', content: 'Done.' },
    { role: 'user', content: 'thanks' },
  ];
  const messages = follow([user, seen([theirs, other]), ...answers, ...later]) as Json[];
  assert.equal(messages.length, 9);
  assert.deepEqual(messages.slice(-2), later);
});
