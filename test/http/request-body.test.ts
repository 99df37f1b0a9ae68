// What the door says to bodies that are wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGatewayError } from '../../src/errors.ts';
import { checkContentType, readChatRequest } from '../../src/http/request-body.ts';
import { requestBytes } from '../../src/openai/request.ts';

function refusal(body: string | Uint8Array): [code: string, param: string | null, message: string] {
  try {
    readChatRequest(typeof body === 'string' ? new TextEncoder().encode(body) : body);
  } catch (error) {
    assert.ok(isGatewayError(error), String(error));
    return [error.wireCode, error.param, error.message];
  }
  return ['accepted', null, ''];
}

test('Q8: what is not one JSON object is invalid_json', () => {
  for (const body of ['', '{', '[]', 'null', '{} x', '{"a":1,}'])
    assert.equal(refusal(body)[0], 'invalid_json', body);
  assert.equal(refusal(Uint8Array.of(0x7b, 0xff, 0x7d))[0], 'invalid_json');
});

test('Q8: a wrong type is named by its field', () => {
  const wrong: [body: string, param: string][] = [
    ['{"messages":{}}', 'messages'],
    ['{}', 'messages'],
    ['{"messages":["x"]}', 'messages[0]'],
    ['{"messages":[],"stream":"yes"}', 'stream'],
    ['{"messages":[],"model":5}', 'model'],
    ['{"messages":[],"model":{"id":"m"}}', 'model'],
    ['{"messages":[],"model":["m"]}', 'model'],
    ['{"messages":[],"n":1e9}', 'n'],
    ['{"messages":[],"n":0}', 'n'],
    ['{"messages":[],"tools":{}}', 'tools'],
    ['{"messages":[],"tools":[{}]}', 'tools[0].type'],
    ['{"messages":[],"functions":[{"name":5}]}', 'functions[0].name'],
  ];
  for (const [body, param] of wrong)
    assert.deepEqual(refusal(body).slice(0, 2), ['invalid_type', param], body);
});

test('Q8: a model that is missing or null is for the upstream to judge', () => {
  assert.equal(refusal('{"messages":[]}')[0], 'accepted');
  assert.equal(refusal('{"messages":[],"model":null}')[0], 'accepted');
});

test('F-C18: nesting deeper than 64 is refused before parsing, also at 100,000', () => {
  const nested = (depth: number) => `{"messages":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  assert.match(refusal(nested(100_000))[2], /nested/);
  assert.match(refusal(nested(64))[2], /nested/);
  assert.notEqual(refusal(nested(63))[0], 'invalid_json');
});

test('prototype keys are refused, in short texts and long ones', () => {
  for (const more of ['', 'x'.repeat(100_000)]) {
    assert.equal(refusal(`{"messages":[],"a":"${more}","__proto__":{"x":1}}`)[0], 'invalid_json');
    assert.equal(refusal(`{"messages":[],"a":"${more}","b":[{"__pr\\u006fto__":1}]}`)[0], 'invalid_json');
  }
});

test('F-C17: a member that stands twice at the top is refused', () => {
  assert.deepEqual(refusal('{"messages":[],"model":"a","model":"b"}').slice(0, 1), ['invalid_json']);
});

test('F-C14, F-C16: a byte order mark and a lone surrogate pass', () => {
  const { request } = readChatRequest(new TextEncoder().encode('\uFEFF{"messages":[],"x":"\\ud800"}'));
  assert.equal(String(requestBytes(request)), '{"messages":[],"x":"\\ud800"}');
});

test('W3: exactly JSON in UTF-8, not compressed', () => {
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
  ]) {
    checkContentType({ 'content-type': type });
  }
  for (const type of [
    'text/plain',
    undefined,
    'application/json\ta',
    'application/json ; x=1',
    'application/jsonx',
  ]) {
    assert.throws(() => checkContentType({ 'content-type': type }), /content type/i, String(type));
  }
  assert.throws(
    () => checkContentType({ 'content-type': 'application/json', 'content-encoding': 'gzip' }),
    /gzip/,
  );
});
