// Every recorded answer of real providers, chat and /v1/responses, cut at random bytes, read as chunks.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isGatewayError, UpstreamError } from '../../src/errors.ts';
import type { Chunk } from '../../src/openai/chat.ts';
import { chunksOf } from '../../src/openai/more-text.ts';
import { parseRequest } from '../../src/openai/request.ts';
import { createUpstreams } from '../../src/upstream/upstream.ts';
import { never, startEgress, startPeer } from '../egress/peers.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

interface Recording {
  readonly endpoint: string;
  readonly provider: string;
  readonly file: string;
  readonly status: number;
  readonly stream: boolean;
  readonly error: boolean;
  readonly headers: Record<string, string>;
}

function recordingsOf(wanted: string): Recording[] {
  const lines = readFileSync(`${sharedFolder()}/recordings/index.jsonl`, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Recording).filter(({ endpoint }) => endpoint === wanted);
}

/** The bytes as they came; of some streams the data of the events alone was recorded, a line each. */
function bodyOf(recording: Recording): Buffer {
  const bytes = readFileSync(`${sharedFolder()}/recordings/${recording.file}`);
  if (!recording.file.endsWith('.chunks.txt')) return bytes;
  const lines = bytes.toString().trim().split('\n');
  return Buffer.from(lines.map((line) => `data: ${line}\n\n`).join(''));
}

function* cutAtRandom(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + Math.floor(Math.random() * 2_000);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/**
 * Answers that carry an error, recorded with status 200: an event of Groq's, one that llama.cpp did not send as data,
 * two bodies whose status was not recorded.
 */
const failed = new Map<string, number | string>([
  ['groq/pydantic-ai__chat__test_tool_use_failed_error_streaming_with_text__0__952e74de.res.sse', 502],
  [
    'gpustack/ruby_llm__chat__chat_with_extended_thinking_gpustack_qwen3_streams_thinking_content_when_availab__0__0cc39fcd.res.sse',
    'upstream_truncated',
  ],
  ['openai/ai__responses__openai-error.1.json', 502],
  ['openai/ai__responses__reasoning-model-temperature-error.json', 502],
]);

const endpoints = { chat: 468, responses: 133 } as const;
type Endpoint = keyof typeof endpoints;

for (const [endpoint, count] of Object.entries(endpoints)) {
  const title = `every recorded answer of ${endpoint} is read, or fails as it did when it was recorded`;
  test(title, needsShared, async (t) => {
    const recordings = recordingsOf(endpoint);
    assert.equal(recordings.length, count);
    let current = recordings[0];
    const peer = await startPeer(t, (_request, response) => {
      if (!current) return;
      const type = current.stream ? 'text/event-stream' : 'application/json';
      response.writeHead(current.status, { 'content-type': current.headers['content-type'] ?? type });
      for (const part of cutAtRandom(bodyOf(current))) response.write(part);
      response.end();
    });
    const capabilities = [{ models: ['*'], tools: endpoint as Endpoint }];
    const configured = { name: 'u', url: peer.origin, models: ['*'], capabilities };
    const upstream = createUpstreams([configured], startEgress(t).upstream).matching('m')[0];
    assert.ok(upstream);
    const request = parseRequest(
      '{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"f"}}]}',
    );
    for (const recording of recordings) {
      current = recording;
      const door = upstream.ask({ headers: {}, authorization: null, onAnswer: () => undefined });
      const chunks: Chunk[] = [];
      let outcome: number | string = 200;
      try {
        const { pieces: read } = await door(request, never());
        for await (const pieces of read) chunks.push(...pieces.flatMap(chunksOf));
        assert.ok(chunks.some((chunk) => chunk.choices.length > 0));
      } catch (error) {
        if (!(error instanceof UpstreamError) && !isGatewayError(error)) throw error;
        outcome = error instanceof UpstreamError ? error.statusCode : error.wireCode;
      }
      assert.equal(outcome, failed.get(recording.file) ?? recording.status, recording.file);
    }
  });
}
