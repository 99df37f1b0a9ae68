// What a client hears of a gateway that has nothing but the demo model.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { question } from './ask.ts';
import { startGateway } from './gateway.ts';

test('clients that begin elsewhere than at chat completions are told what the demo model answers', async (t) => {
  const { client, send } = await startGateway(t, { upstreams: () => [], unchecked: true });
  for (const asked of [
    () => client.responses.create({ model: 'm', input: 'hi' }),
    () => client.embeddings.create({ model: 'm', input: 'hi' }),
    () => client.images.generate({ model: 'm', prompt: 'hi' }),
    () => client.audio.transcriptions.create({ model: 'm', file: new File(['x'], 'x.wav') }),
  ]) {
    await assert.rejects(asked(), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, 'demo_model_only');
      assert.match(error.message, /demo model answers \/v1\/chat\/completions alone/);
      return true;
    });
  }
  assert.equal((await send('/v1/chat/completions')).status, 405);
  assert.deepEqual(
    (await client.models.list()).data.map(({ id }) => id),
    ['demo-model'],
  );
  const answer = await client.chat.completions.create({ model: 'any-name', messages: question });
  assert.match(answer.choices[0]?.message.content ?? '', /demo model/);
});
