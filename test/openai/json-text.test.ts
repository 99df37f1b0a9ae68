// Taking JSON text apart at its top level, proved against JSON.parse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  findMember,
  joinElements,
  joinMembers,
  splitElements,
  splitMembers,
} from '../../src/openai/json-text.ts';

const blanks = fc.constantFrom(undefined, 1, '\t', ' \n');

test('Q4: the members of any object are the text that JSON.parse reads them from', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), blanks, (value, blank) => {
      const text = JSON.stringify(value, null, blank);
      const members = splitMembers(text);
      assert.deepEqual([...members.keys()].toSorted(), Object.keys(value).toSorted());
      for (const [name, member] of members)
        assert.deepEqual(JSON.parse(member), JSON.parse(JSON.stringify(value[name])));
      assert.deepEqual(JSON.parse(joinMembers(members)), JSON.parse(text));
    }),
  );
});

test('Q4: the elements of any array are the text that JSON.parse reads them from', () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), blanks, (value, blank) => {
      const text = JSON.stringify(value, null, blank);
      const elements = splitElements(text);
      assert.deepEqual(
        elements.map((element) => JSON.parse(element) as unknown),
        JSON.parse(text),
      );
      assert.deepEqual(JSON.parse(joinElements(elements)), JSON.parse(text));
    }),
  );
});

test('Q4: numbers keep their spelling and members their order', () => {
  const text = '{"b":9223372036854775807,"a":1.0,"2":1e400,"1":-0}';
  assert.equal(joinMembers(splitMembers(text)), text);
});

test('Q4: an escaped name is the name', () => {
  const members = splitMembers('{"mod\\u0065l":1,"x":[{"a":"]"},"\\\\\\"}"]}');
  assert.deepEqual(
    [...members],
    [
      ['model', '1'],
      ['x', '[{"a":"]"},"\\\\\\"}"]'],
    ],
  );
});

test('W3: a name that stands twice is refused, however it is written', () => {
  assert.throws(() => splitMembers('{"model":1,"mod\\u0065l":2}'), /"model" stands twice/);
});

test('a member is found in any beginning of an object that holds it whole, and in no other', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), fc.nat(), (value, name, cut) => {
      const text = JSON.stringify({ ...value, [name]: 'found' });
      const member = splitMembers(text).get(name);
      assert.equal(findMember(text, name), member);
      const found = findMember(text.slice(0, cut % text.length), name);
      assert.ok(found === undefined || found === member);
      assert.equal(findMember(text, `${name} not there`), undefined);
    }),
  );
});

test('a member is not found in what is no JSON object', () => {
  for (const text of ['', '[', '[{"model":1}]', '"model":1', '{model:1}', '{"model"', '{"a":"\\']) {
    assert.equal(findMember(text, 'model'), undefined, text);
  }
});
