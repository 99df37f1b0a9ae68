// What every request to an upstream must be, whatever the client and the model did (`wire.md` Q6).
import assert from 'node:assert/strict';
import type { JsonObject, Message } from '../../src/openai/chat.ts';

/** Asserts that an OpenAI-compatible API would accept the request. */
export function assertValidRequest(request: JsonObject): void {
  assertTools(request);
  const messages = request['messages'];
  assert.ok(Array.isArray(messages), 'messages is an array');
  assertAnsweredCalls(messages as unknown as Message[]);
  const metadata = request['metadata'] as JsonObject | undefined;
  assert.ok(!metadata || !('plugins' in metadata), 'metadata.plugins stays here');
}

function assertTools(request: JsonObject): void {
  if (!('tools' in request)) {
    for (const key of ['tool_choice', 'parallel_tool_calls']) {
      assert.ok(!(key in request), `${key} without tools is a 400`);
    }
    return;
  }
  const tools = request['tools'] as { type: string; function?: { name: string; parameters?: JsonObject } }[];
  assert.ok(Array.isArray(tools) && tools.length > 0, 'tools is never null or empty');
  assert.ok(tools.length <= 128, 'at most 128 tools');
  const names = tools.flatMap((tool) => (tool.function ? [tool.function.name] : []));
  assert.equal(new Set(names).size, names.length, `names are unique: ${names.join(' ')}`);
  for (const name of names) assert.match(name, /^[A-Za-z0-9_-]{1,64}$/, 'names are legal');
}

/** Each call is answered by a tool message before anything else; no tool message stands alone. */
function assertAnsweredCalls(messages: readonly Message[]): void {
  let open = new Set<string>();
  for (const [at, message] of messages.entries()) {
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? '';
      assert.ok(open.delete(id), `messages[${at}] answers a call that is open: ${id}`);
      continue;
    }
    assert.deepEqual([...open], [], `every call before messages[${at}] is answered`);
    open = new Set();
    for (const call of message.tool_calls ?? []) {
      assert.ok(call.id && !open.has(call.id), `messages[${at}]: call ids are there and differ`);
      open.add(call.id);
    }
  }
  assert.deepEqual([...open], [], 'every call of the last message is answered');
}
